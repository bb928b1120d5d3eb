import os

from spyceconf import *  # noqa: F403  the defaults, as in every config

site_key = os.environ['SITE_KEY']    # the same on all machines
site_data = '/tmp/site'              # the site itself is mounted read only
health_path = '/health'
trusted_proxies = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']
