"""What adults do: see a case, speak in the companion's place, and hand the child back.

Each is one durable write with its event in the trail. The caller holds the session's turn.
"""

from __future__ import annotations

from qiaoban_agent.care import Care
from qiaoban_agent.errors import MisuseError
from qiaoban_agent.escalation.case import Case, Status
from qiaoban_agent.events import Acknowledged, Event, HandedBack, Said, TakenOver
from qiaoban_agent.session import Session
from qiaoban_agent.store import Write
from qiaoban_agent.trail import for_trail, keeps_text


class Adults:
    """The doors for adults, over one companion's policy and store."""

    def __init__(self, care: Care) -> None:
        self._care = care

    def case(self, name: str) -> Case:
        """The case of that id; MisuseError where there is none."""
        case = self._care.store.case(name)
        if case is None:
            raise MisuseError(f"no case is called {name!r}; cases() tells those that are open")
        return case

    def acknowledge(self, name: str, by: str) -> Case:
        """The case as the adult `by` has taken it; a second adult changes nothing."""
        _must_be_named(by)
        case = self.case(name)
        if case.status is not Status.OPEN:
            return case
        now = self._care.clock()
        seen = case.model_copy(
            update={
                "status": Status.ACKNOWLEDGED,
                "acknowledged_by": by,
                "acknowledged_at": now,
                "raise_at": None,
            }
        )
        self._write(case.session, Acknowledged(case=case.id, by=by), case=seen)
        return seen

    def take_over(self, session: str, by: str) -> tuple[Event, ...]:
        """The session in the hands of `by`; returns its trail, for the adult to read."""
        _must_be_named(by)
        state = self._session(session)
        if state.taken_over_by not in ("", by):
            raise MisuseError(
                f"{state.taken_over_by!r} has taken over session {session!r}; "
                "it has to be handed back first"
            )
        if not state.taken_over_by:
            taken = state.model_copy(
                update={"taken_over_by": by, "told_of_adult": False, "handed_back": False}
            )
            self._write(session, TakenOver(by=by), state=taken)
            case = self._care.store.open_case(session)
            if case is not None:
                self.acknowledge(case.id, by)
        return self._care.store.trail(session)

    def write(self, session: str, text: str) -> Said:
        """Words of the adult who has taken the session over, as an event for the child."""
        state = self._session(session)
        if not state.taken_over_by:
            raise MisuseError(f"nobody has taken over session {session!r}; take_over comes first")
        said = Said(text=text, by="adult")
        history = (*state.history, {"role": "assistant", "content": text})
        most = self._care.policy.memory.history
        told = state.model_copy(update={"history": history[-most:], "told_of_adult": True})
        self._write(session, said, state=told)
        return said

    def hand_back(self, session: str, note: str, by: str) -> None:
        """The danger is dealt with: the latch opens, the case is closed, the adult leaves."""
        if not note.strip():
            raise MisuseError("a hand-off needs a note: what was done, and by whom")
        store = self._care.store
        nameless = (case for case in store.cases() if case.session == session)  # it was forgotten
        case = store.open_case(session) or next(nameless, None)
        state = store.load(session)
        if state is None and case is None:
            state = self._session(session)
        by = by or (state.taken_over_by if state is not None else "")
        closed = None
        if case is not None:
            closed = case.model_copy(
                update={
                    "status": Status.CLOSED,
                    "closed_by": by,
                    "closed_at": self._care.clock(),
                    "note": note,
                    "raise_at": None,
                }
            )
        free = _freed(state) if state is not None else None
        event = HandedBack(by=by, case=case.id if case else "", note=note)
        self._write(session, event, state=free, case=closed)

    def consent(self, session: str, by: str) -> None:
        """Somebody agreed that the child's words are kept."""
        _must_be_named(by)
        state = self._care.store.load(session) or Session()
        self._write(session, None, state=state.model_copy(update={"consent": by}))

    def _session(self, session: str) -> Session:
        state = self._care.store.load(session)
        if state is None:
            raise MisuseError(f"no session is called {session!r}; it has to begin first")
        return state

    def _write(
        self,
        session: str,
        event: Event | None,
        *,
        state: Session | None = None,
        case: Case | None = None,
    ) -> None:
        care = self._care
        known = state or care.store.load(session) or Session()
        keep = keeps_text(care.policy, known.consent)
        events = () if event is None else (event,)
        care.store.commit(
            Write(
                session=session,
                at=care.clock(),
                events=tuple(
                    for_trail(one, keep_text=keep, digest=care.store.digest) for one in events
                ),
                state=state,
                case=case,
            )
        )
        if case is not None:
            care.outbox.wake()


def _freed(state: Session) -> Session:
    """The session without its latch and its adult."""
    return state.model_copy(
        update={
            "risk": state.risk.handed_over(),
            "escalation": None,
            "undelivered": False,
            "taken_over_by": "",
            "told_of_adult": False,
            "handed_back": bool(state.taken_over_by),
        }
    )


def _must_be_named(by: str) -> None:
    if not by.strip():
        raise MisuseError("an adult is named by a string that is not empty")
