"""The configuration of the examples: Python, which begins with the engine's defaults."""
from spyceconf import *  # noqa: F403  the defaults, as in every config

# A session ends after a day without a visit, as it does by default. The store is the embedded one, in a private
# folder of this site; to name another place:
#
#     import session
#     session_store = session.DbmStore('/var/lib/mysite')
session_expire = 24 * 60 * 60

# What `pool` and getServerGlobals() hold when the server starts.
globals = {'site': 'Spyce by example'}

max_file_bytes = 256 * 1024  # of an upload
