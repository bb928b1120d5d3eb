"""The module `spylambda`: functions made of page source (manual: spyce lambdas)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.namespace import LoadedPage


class spylambda(spyceModule):
    """Calling what define() returns prints; it returns None (recorded cases lambda-*, spylambda-*)."""

    def define(self, sig: str, code: str, memoize: int = 0) -> Callable[..., None]:
        """A function of the parameters `sig` whose body is the page source `code`.

        memoize: for arguments that were used before in this request, and are hashable, replay the output.
        """
        return self._compiled(self._api.getServer().load_string(code, sig, self._api.getFilename()), bool(memoize))

    __call__ = define

    def _compiled(self, page: LoadedPage, memoize: bool) -> Callable[..., None]:
        """The function for a lambda that was compiled with its page."""
        def call(*args: Any, **kwargs: Any) -> None:
            self._api.run_lambda(page, args, kwargs)

        return self._memoized(call) if memoize else call

    def _memoized(self, function: Callable[..., None]) -> Callable[..., None]:
        printed: dict[Any, str] = {}

        def call(*args: Any, **kwargs: Any) -> None:
            # repr, too: 1 and True, 0.0 and -0.0 are equal, but print differently.
            key = (args, tuple(sorted(kwargs.items())), repr((args, kwargs)))
            try:
                text = printed.get(key)
            except TypeError:  # an argument cannot be hashed
                function(*args, **kwargs)
                return
            if self._api.output.is_filtered:  # a transform that was set meanwhile must see the text
                function(*args, **kwargs)
                return
            if text is None:
                text = printed[key] = self._api.output.capture(function, *args, **kwargs)[1]
            self._api.output.append(text)

        return call
