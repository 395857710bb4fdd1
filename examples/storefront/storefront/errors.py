"""Errors that the service reports to its callers."""


class StorefrontError(Exception):
    """Base class; `status` is the HTTP status the API answers with."""

    status = 500


class NotFound(StorefrontError):
    status = 404


class OutOfStock(StorefrontError):
    status = 409


class PaymentDeclined(StorefrontError):
    status = 402


class PartnerError(StorefrontError):
    """A partner's API gave an answer that we cannot use."""

    status = 502


class PartnerUnavailable(StorefrontError):
    """A partner's API could not be reached, or not in time."""

    status = 503
