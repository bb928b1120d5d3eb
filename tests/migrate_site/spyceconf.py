from spyceconf import *
import session, os

session_store = session.MemoryStore()
session_expire = 30 * 60L
adminport = 8001
maxqueuesize = 50

globals = {'title': 'Corner shop', 'mode': 0644}

print >>os.sys.stderr, 'config of', globals['title']
