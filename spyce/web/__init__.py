"""Ways in: the WSGI application, the servers behind `spyce serve`, CGI, static files."""
