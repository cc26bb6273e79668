"""Who are you: registration, sign-in, the proof of an address, and recognition on every later request.

Owns the tables ``flows`` and ``devices``, and the order of steps; each step is a use case of its own and none calls
another. Depends on ``accounts``, ``credentials``, ``sessions`` and ``tokens``. Refuses to know HTTP: cookies and pages
are ``web``'s.
"""

from ostiary.authentication.api_keys import (
    ApiKeyCreate,
    ApiKeyRotate,
    ApiKeys,
    ApiKeyUpdate,
    ApiKeyView,
    IssuedApiKey,
)
from ostiary.authentication.devices import Devices, DeviceView
from ostiary.authentication.dispatcher import Dispatcher
from ostiary.authentication.email_change import EmailChange, EmailChangeRequest
from ostiary.authentication.enrolments import ConfirmRequest, Enrolments, EnrolRequest
from ostiary.authentication.first_administrator import FirstAdministrator, FirstAdministratorRequest
from ostiary.authentication.flow import Flows
from ostiary.authentication.key_recognition import KeyRecognition
from ostiary.authentication.outcome import Challenged, Delivery, Outcome, Recovered, Renewed, SignedIn
from ostiary.authentication.own_credentials import CredentialView, OwnCredentials, RenameRequest
from ostiary.authentication.password_change import PasswordChange, PasswordChangeRequest
from ostiary.authentication.progress import AnswerRequest, ChallengeRequest, FlowRequest, StepUpRequest
from ostiary.authentication.recognition import Recognition, RequestFacts
from ostiary.authentication.recovery import Recovery
from ostiary.authentication.registration import Registration, RegistrationRequest
from ostiary.authentication.sign_in import SignIn, SignInRequest
from ostiary.authentication.sign_ins import SignInRecord, SignIns
from ostiary.authentication.step_up import StepUp
from ostiary.authentication.verification import Verification, VerificationRequest

__all__ = [
    "AnswerRequest",
    "ApiKeyCreate",
    "ApiKeyRotate",
    "ApiKeyUpdate",
    "ApiKeyView",
    "ApiKeys",
    "ChallengeRequest",
    "Challenged",
    "ConfirmRequest",
    "CredentialView",
    "Delivery",
    "DeviceView",
    "Devices",
    "Dispatcher",
    "EmailChange",
    "EmailChangeRequest",
    "EnrolRequest",
    "Enrolments",
    "FirstAdministrator",
    "FirstAdministratorRequest",
    "FlowRequest",
    "Flows",
    "IssuedApiKey",
    "KeyRecognition",
    "Outcome",
    "OwnCredentials",
    "PasswordChange",
    "PasswordChangeRequest",
    "Recognition",
    "Recovered",
    "Recovery",
    "Registration",
    "RegistrationRequest",
    "RenameRequest",
    "Renewed",
    "RequestFacts",
    "SignIn",
    "SignInRecord",
    "SignInRequest",
    "SignIns",
    "SignedIn",
    "StepUp",
    "StepUpRequest",
    "Verification",
    "VerificationRequest",
]
