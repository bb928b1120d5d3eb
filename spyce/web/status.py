"""HTTP status codes under their names of 2.1."""
from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class ReturnCodes:
    """The RETURN_* constants, and RETURN_CODE: number to text (reference 6.4)."""

    RETURN_CONTINUE = 100
    RETURN_SWITCHING_PROTOCOLS = 101
    RETURN_OK = 200
    RETURN_CREATED = 201
    RETURN_ACCEPTED = 202
    RETURN_NON_AUTHORITATIVE_INFORMATION = 203
    RETURN_NO_CONTENT = 204
    RETURN_RESET_CONTENT = 205
    RETURN_PARTIAL_CONTENT = 206
    RETURN_MULTIPLE_CHOICES = 300
    RETURN_MOVED_PERMANENTLY = 301
    RETURN_MOVED_TEMPORARILY = 302
    RETURN_SEE_OTHER = 303
    RETURN_NOT_MODIFIED = 304
    RETURN_USE_PROXY = 305
    RETURN_TEMPORARY_REDIRECT = 307
    RETURN_BAD_REQUEST = 400
    RETURN_UNAUTHORIZED = 401
    RETURN_PAYMENT_REQUIRED = 402
    RETURN_FORBIDDEN = 403
    RETURN_NOT_FOUND = 404
    RETURN_METHOD_NOT_ALLOWED = 405
    RETURN_NOT_ACCEPTABLE = 406
    RETURN_PROXY_AUTHENTICATION_REQUIRED = 407
    RETURN_REQUEST_TIMEOUT = 408
    RETURN_CONFLICT = 409
    RETURN_GONE = 410
    RETURN_LENGTH_REQUIRED = 411
    RETURN_PRECONDITION_FAILED = 412
    RETURN_REQUEST_ENTITY_TOO_LARGE = 413
    RETURN_REQUEST_URI_TOO_LONG = 414
    RETURN_UNSUPPORTED_MEDIA_TYPE = 415
    RETURN_REQUEST_RANGE_NOT_SATISFIABLE = 416
    RETURN_EXPECTATION_FAILED = 417
    RETURN_INTERNAL_SERVER_ERROR = 500
    RETURN_NOT_IMPLEMENTED = 501
    RETURN_BAD_GATEWAY = 502
    RETURN_SERVICE_UNAVAILABLE = 503
    RETURN_GATEWAY_TIMEOUT = 504
    RETURN_HTTP_VERSION_NOT_SUPPORTED = 505

    RETURN_CODE: ClassVar[dict[int, str]]


ReturnCodes.RETURN_CODE = {
    code: name.removeprefix('RETURN_').replace('_', ' ')
    for name, code in vars(ReturnCodes).items() if name.startswith('RETURN_')
}


def reason(code: int) -> str:
    """The text after the code in the status line; for a code nobody knows, that of its class."""
    known = ReturnCodes.RETURN_CODE.get(code)
    if known is not None:
        return known
    try:
        return HTTPStatus(code).phrase.upper()
    except ValueError:
        return {2: 'OK', 3: 'REDIRECTION', 4: 'CLIENT ERROR', 5: 'SERVER ERROR'}[code // 100]
