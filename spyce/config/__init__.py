"""The configuration of a site: spyceconf.py as in 2.1 (reference 10), checked."""
from spyce.config.loading import exec_config, load_config
from spyce.config.messages import ConfigError, ConfigWarning
from spyce.config.options import Config

__all__ = ['Config', 'ConfigError', 'ConfigWarning', 'exec_config', 'load_config']
