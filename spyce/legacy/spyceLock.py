"""Locks, under their import name of 2.1."""
from spyce.runtime.locks import (
    LOCK_EX,
    LOCK_NB,
    LOCK_SH,
    MultiLock,
    dummyLock,
    file_lock,
    file_unlock,
    fileLock,
    threadLock,
)

__all__ = ['LOCK_EX', 'LOCK_NB', 'LOCK_SH', 'MultiLock', 'dummyLock', 'fileLock', 'file_lock', 'file_unlock',
           'threadLock']
