"""How a project tests what is its own: with users who are signed in, codes that are read, and a vendor made up."""

from rest_framework.test import APITestCase

from accounts.models import User
from jwt_drf_passwordless.external_2fa import VerificationStatus
from jwt_drf_passwordless.testing import TWO_FACTORS, PasswordlessTestMixin

ADA = "ada@example.com"
NUMBER = "+12015550123"


class AccountTest(PasswordlessTestMixin, APITestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ada = User.objects.create_user(ADA, NUMBER, password="correct horse battery")

    def test_who_asks_is_told_who_it_is_and_what_was_proven(self) -> None:
        self.authenticate(self.ada, amr=TWO_FACTORS)
        answer = self.client.get("/api/me/").json()
        assert (answer["email"], answer["phone_number"]) == (ADA, NUMBER)
        assert answer["amr"] == ["pwd", "otp", "mfa"]

    def test_the_api_is_closed_without_a_token(self) -> None:
        assert self.client.get("/api/me/").status_code == 401

    def test_ada_signs_in_by_the_code_in_her_email(self) -> None:
        self.client.post("/passwordless/request/email/", {"email": ADA})
        answer = self.client.post("/passwordless/exchange/email/", {"email": ADA, "token": self.last_code(ADA)})
        assert answer.status_code == 200

    def test_the_link_leads_to_the_page_that_reads_its_fragment(self) -> None:
        self.client.post("/passwordless/request/email/", {"email": ADA})
        page, _, token = self.last_link().partition("/#token=")
        assert page == "http://localhost:8000"
        assert self.client.post("/passwordless/exchange/", {"token": token}).status_code == 200

    def test_an_sms_is_asked_for_again_after_the_wait(self) -> None:
        body = {"phone_number": NUMBER}
        answers = [self.client.post("/passwordless/request/mobile/", body).status_code for _ in range(2)]
        assert answers == [200, 429]
        self.forget_waits(NUMBER)
        assert self.client.post("/passwordless/request/mobile/", body).status_code == 200

    def test_a_password_is_not_enough_for_who_has_an_authenticator_app(self) -> None:
        secret = self.enrol_totp(self.ada)
        answer = self.client.post("/api/token/", {"email": ADA, "password": "correct horse battery"})
        assert answer.status_code == 206
        body = {"ticket": answer.json()["ticket"], "token": self.totp_code(secret)}
        assert self.client.post("/api/2fa/token-verify/", body).status_code == 200

    def test_a_vendor_that_is_out_of_reach_lets_nobody_in(self) -> None:
        vendor = self.fake_vendor()
        self.client.post("/passwordless/request/mobile/", {"phone_number": NUMBER})
        vendor.check = VerificationStatus.UNAVAILABLE
        body = {"phone_number": NUMBER, "token": vendor.code}
        assert self.client.post("/passwordless/exchange/mobile/", body).status_code == 400
