"""SessionService: signing in and out."""

from __future__ import annotations

from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.sign_in import LINK_S, idle_expire_time
from sendout.server.commands.sessions import Sessions
from sendout.server.commands.sign_in import Origin, SignedIn, SignIn
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import seconds, timestamp
from sendout.server.rpc.users import user_message
from sendout.server.telemetry.spans import current_ids
from sendout.storage.sessions import Session
from sendout.storage.users import User
from sendout.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """Parses, calls `SignIn` and `Sessions`, and converts."""

    def __init__(self, sign_in: SignIn, sessions: Sessions) -> None:
        self._sign_in = sign_in
        self._sessions = sessions

    async def CreateSession(
        self, request: session_service_pb2.CreateSessionRequest, context: Any
    ) -> session_service_pb2.CreateSessionResponse:
        """A new session; its token is in this answer and nowhere else."""
        begun = await self._signed_in(request, _origin(context))
        return session_service_pb2.CreateSessionResponse(
            session=_message(begun.session, begun.user), session_token=begun.token
        )

    async def GetSession(
        self, request: session_service_pb2.GetSessionRequest, context: Any
    ) -> session_service_pb2.GetSessionResponse:
        """The session of the call."""
        return session_service_pb2.GetSessionResponse(session=_message(*await self._sessions.get(current_caller())))

    async def DeleteSession(
        self, request: session_service_pb2.DeleteSessionRequest, context: Any
    ) -> session_service_pb2.DeleteSessionResponse:
        """Sign out."""
        await self._sessions.end(current_caller())
        return session_service_pb2.DeleteSessionResponse()

    async def DeleteAllSessions(
        self, request: session_service_pb2.DeleteAllSessionsRequest, context: Any
    ) -> session_service_pb2.DeleteAllSessionsResponse:
        """Sign out everywhere."""
        return session_service_pb2.DeleteAllSessionsResponse(
            session_count=await self._sessions.end_all(current_caller())
        )

    async def CreateSignInLink(
        self, request: session_service_pb2.CreateSignInLinkRequest, context: Any
    ) -> session_service_pb2.CreateSignInLinkResponse:
        """A token that signs somebody in once."""
        lifetime = seconds(request, "lifetime", LINK_S)
        token, expire_time = await self._sessions.make_link(current_caller(), request.user_id, lifetime)
        return session_service_pb2.CreateSignInLinkResponse(sign_in_token=token, expire_time=timestamp(expire_time))

    async def _signed_in(self, request: session_service_pb2.CreateSessionRequest, origin: Origin) -> SignedIn:
        match request.WhichOneof("credential"):
            case "password":
                typed = request.password
                return await self._sign_in.with_password(typed.user_id, typed.password, origin)
            case "sign_in_token":
                return await self._sign_in.with_link(request.sign_in_token, origin)
            case "id_token":
                given = request.id_token
                return await self._sign_in.with_id_token(given.id_token, given.nonce, origin)
        raise field_invalid("credential", None, "Give a password, a sign_in_token or an id_token.")


def _origin(context: Any) -> Origin:
    # "ipv4:192.0.2.1:50000": without the port, which every connection has another of.
    return Origin(context.peer().rpartition(":")[0], current_ids()[0])


def _message(session: Session, user: User) -> session_pb2.Session:
    return session_pb2.Session(
        user=user_message(user),
        create_time=timestamp(session.create_time),
        idle_expire_time=timestamp(idle_expire_time(session.last_used_time, session.expire_time)),
        expire_time=timestamp(session.expire_time),
    )
