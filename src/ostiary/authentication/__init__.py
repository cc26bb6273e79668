"""Who are you: registration, sign-in, the proof of an address, and recognition on every later request.

Owns the table ``flows`` and the order of steps; each step is a use case of its own and none calls another. Depends on
``accounts``, ``credentials``, ``sessions`` and ``tokens``. Refuses to know HTTP: cookies and pages are ``web``'s.
"""

from ostiary.authentication.email_change import EmailChange, EmailChangeRequest
from ostiary.authentication.first_administrator import FirstAdministrator, FirstAdministratorRequest
from ostiary.authentication.flow import Flows
from ostiary.authentication.outcome import Challenged, Delivery, Renewed, SignedIn
from ostiary.authentication.password_change import PasswordChange, PasswordChangeRequest
from ostiary.authentication.recognition import Recognition, RequestFacts
from ostiary.authentication.registration import Registration, RegistrationRequest
from ostiary.authentication.sign_in import SignIn, SignInRequest
from ostiary.authentication.sign_ins import SignInRecord, SignIns
from ostiary.authentication.step_up import StepUp, StepUpRequest
from ostiary.authentication.verification import Verification, VerificationRequest

__all__ = [
    "Challenged",
    "Delivery",
    "EmailChange",
    "EmailChangeRequest",
    "FirstAdministrator",
    "FirstAdministratorRequest",
    "Flows",
    "PasswordChange",
    "PasswordChangeRequest",
    "Recognition",
    "Registration",
    "RegistrationRequest",
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
