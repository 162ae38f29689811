// The page: one step is shown at a time. All that it knows of the API is in passwordless.js.

import { PasswordlessClient } from "./passwordless.js";

const client = new PasswordlessClient();
const $ = (id) => document.getElementById(id);
const METHODS = {
  passkey: "Passkey",
  totp: "Authenticator app",
  phone: "Phone",
  email: "Email",
  recovery_code: "Recovery code",
};
const NAMES = { ...METHODS, recovery_code: "Recovery codes" };
const PROOFS = {
  pwd: "password", otp: "one-time code", sms: "SMS", tel: "call", hwk: "passkey", swk: "passkey", recovery: "recovery code",
};
const SENTENCES = {
  invalid_ticket: "That took too long. Please sign in again.",
  unreachable: "The server cannot be reached. Check your connection and try again.",
  NotAllowedError: "No passkey was used. Try again, or choose another way.",
  SecurityError: "Passkeys do not work at this address of the site.",
  InvalidStateError: "This device has a passkey of your account already.",
  second_factor_enrolment_required: "You have no second factor yet. Add one first.",
};
const written = (options) => (time) => new Intl.DateTimeFormat("en", options).format(new Date(time));
const day = written({ dateStyle: "medium" });
const moment = written({ dateStyle: "medium", timeStyle: "short" });

// Steps.

let otp = null;

/** Show one section, with its title in the window and the focus on its heading. */
function show(id, { title = $(`${id}-title`).textContent, text } = {}) {
  otp?.abort();
  client.stopAutofill();
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  for (const error of document.querySelectorAll(".error")) error.textContent = "";
  for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  $(`${id}-title`).textContent = title;
  if (text !== undefined) $(`${id}-text`).textContent = text;
  document.title = `${title} · Example`;
  say("");
  $(`${id}-title`).focus();
}

/** Tell something that went well, seen and heard. */
function say(sentence) {
  $("status").textContent = sentence;
}

function explain(error, wrong) {
  if (error.code === "invalid_credentials") return wrong;
  if (error.retryAfter) return `Too soon: wait ${wait(error.retryAfter)}.`;
  return SENTENCES[error.code] ?? SENTENCES[error.name] ?? error.message;
}

const wait = (seconds) => (seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`);

/** Run what a form or button is for, once at a time; what fails is told beside it. */
async function run(place, action, wrong = "That code is wrong, or no longer good.") {
  if (place.ariaBusy === "true") return;
  const error = place.querySelector(".error") ?? $("account-error");
  const field = [...place.querySelectorAll("input:not([type=checkbox], [type=radio])")].at(-1); // of two, the password
  error.textContent = "";
  field?.removeAttribute("aria-invalid");
  place.ariaBusy = "true";
  try {
    await action();
  } catch (problem) {
    // What was typed for one user is not sent once more as the next one.
    const isOver = ["invalid_ticket", "user_changed"].includes(problem.code);
    if (isOver || (problem.status === 401 && place.closest("#account"))) {
      client.isSignedIn ? await account() : signIn();
      say(explain(problem, wrong));
      return;
    }
    error.textContent = explain(problem, wrong);
    if (field?.checkVisibility()) {
      if ([400, 401].includes(problem.status)) field.ariaInvalid = "true";
      field.focus();
      if (["code", "current-password"].includes(field.id)) field.select(); // the next one replaces it
    }
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** What the form does when it is sent; a field that has to be filled and is not needs no server. */
function on(form, action, wrong) {
  form.onsubmit = (event) => {
    event.preventDefault();
    const empty = [...form.querySelectorAll("input[required]")].find((one) => one.checkVisibility() && !one.value.trim());
    if (empty) {
      form.querySelector(".error").textContent = `${empty.labels[0].textContent} is missing.`;
      empty.ariaInvalid = "true";
      empty.focus();
    } else run(form, action, wrong);
  };
}

function press(button, action) {
  button.onclick = () => run(button, action);
}

/** Count a button down to when it may be pressed again. */
function countDown(button, seconds, label) {
  const end = Date.now() + seconds * 1000;
  clearInterval(button.timer);
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.ariaDisabled = left > 0 ? "true" : "false";
    button.textContent = left > 0 ? `${label} in ${left} s` : label;
    if (left <= 0) clearInterval(button.timer);
  };
  button.timer = setInterval(tick, 500);
  tick();
}

const backTo = (section, action) => {
  $(section).querySelector(".back").onclick = action;
};

/** One question with one field, or with none; also where something is only shown. */
function ask({ title, text, label = "", type = "text", autocomplete = "", codes = [], button, back, action, wrong }) {
  $("ask-field").hidden = !label;
  $("ask-field").firstElementChild.textContent = label;
  Object.assign($("value"), { value: "", type, autocomplete, required: Boolean(label) });
  $("ask-codes").hidden = !codes.length;
  $("ask-codes").replaceChildren(...codes.map((code) => h("li", { textContent: code })));
  $("ask-form").querySelector(".primary").textContent = button;
  $("ask").querySelector(".back").hidden = !back;
  backTo("ask", back);
  on($("ask-form"), () => action($("value").value.trim()), wrong);
  show("ask", { title, text });
}

/** A code, or another proof of `methods`, for `action(token, method, trust)`. */
function prove({ title, text, methods = [], sent, wait: seconds, resend, app, trust, action, back, passkey }) {
  const [form, again, input] = [$("prove-form"), $("resend"), $("code")];
  let method = methods[0];
  const sentTo = new Set(sent ? [method] : []);
  const label = () => (sentTo.has(method) ? "Send a new code" : "Send me a code");

  function choose(chosen) {
    method = chosen;
    const [isPasskey, isRecovery] = [method === "passkey", method === "recovery_code"];
    $("prove-field").hidden = isPasskey;
    input.labels[0].textContent = isRecovery ? "Recovery code" : method === "totp" ? "Code of the app" : "Code";
    input.inputMode = isRecovery ? "text" : "numeric";
    input.autocomplete = isRecovery ? "off" : "one-time-code";
    input.classList.toggle("code", !isRecovery);
    form.querySelector(".primary").textContent = isPasskey ? "Use the passkey" : "Continue";
    again.hidden = !resend || ["passkey", "totp", "recovery_code"].includes(method);
    countDown(again, 0, label());
  }

  form.reset();
  $("prove-methods").hidden = methods.length < 2;
  $("prove-methods").lastElementChild.replaceChildren(
    ...methods.map((one) => {
      const radio = h("input", { type: "radio", name: "method", value: one, checked: one === method, onchange: () => choose(one) });
      return h("label", {}, radio, " ", h("span", { textContent: METHODS[one] }));
    }),
  );
  $("prove-trust").hidden = !trust;
  $("prove-app").hidden = !app;
  if (app) {
    $("prove-app").querySelector("img").src = `data:image/svg+xml,${encodeURIComponent(app.qr_svg)}`;
    $("prove-app").querySelector("a").href = app.otpauth_uri;
    $("prove-secret").textContent = app.secret.replace(/.{4}(?=.)/g, "$& ");
  }
  choose(method);
  if (seconds) countDown(again, seconds, label());
  press(again, async () => {
    if (again.ariaDisabled === "true") return;
    try {
      await resend(method);
    } catch (error) {
      if (!error.retryAfter) throw error;
      sentTo.add(method);
      countDown(again, error.retryAfter, label());
      say(`The last code is on its way. Another one can be sent in ${wait(error.retryAfter)}.`);
      return;
    }
    sentTo.add(method);
    countDown(again, 0, label());
    mailed("A new code is on its way.");
    input.focus();
  });
  backTo("prove", back);
  on(form, async () => {
    otp?.abort(); // one question to the browser at a time
    const token = method === "passkey" ? await passkey() : input.value.trim();
    await action(token, method, form.elements.trust.checked);
  });
  show("prove", { title, text });
  if (input.checkVisibility() && methods.length < 2) input.focus();
  if (methods.includes("phone")) offerSms(input, form);
}

/** WebOTP: a phone's browser may fill in the code of an SMS, and send the form. */
async function offerSms(input, form) {
  if (!("OTPCredential" in window)) return;
  otp = new AbortController();
  const found = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: otp.signal }).catch(() => null);
  if (!found || !input.checkVisibility()) return;
  input.value = found.code;
  form.requestSubmit();
}

function mailed(sentence) {
  say(sentence);
  document.dispatchEvent(new Event("message-expected"));
}

function h(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// Signing in.

let visits = 0; // a new one each time that nobody is signed in any more
let isInside = false; // whether it is the visit of a session

function signIn(sentence = "") {
  visits += 1;
  isInside = false;
  forget();
  show("sign-in");
  say(sentence);
  $("identifier").focus({ preventScroll: true });
  client
    .signInByAutofill()
    .then((pending) => pending !== undefined && goOn(pending))
    .catch((error) => {
      if (error.code !== "invalid_credentials") return; // nobody has asked for anything yet
      $("by-passkey").querySelector(".error").textContent = explain(error, "This passkey is not known here.");
    });
}

/** Of who was signed in, nothing stays in the page, where the next one could look for it. */
function forget() {
  const texts = "#account ul, #account-text, #ask-text, #ask-codes, #prove-text, #prove-secret";
  for (const text of document.querySelectorAll(texts)) text.replaceChildren();
  $("prove-app").querySelector("img").removeAttribute("src");
  $("prove-app").querySelector("a").removeAttribute("href");
  for (const id of ["by-password", "ask-form", "prove-form"]) $(id).reset();
}

/** After a first factor: the second one, or in. */
async function goOn(pending) {
  if (pending?.ticket) second(pending, { title: "One more step", trust: true, back: () => signIn(), done: () => account("You are signed in.") });
  else if (pending) await account(pending.detail); // who must have a second factor, and may do nothing else before
  else await account("You are signed in.");
}

function second(pending, { title, trust, back, done }) {
  prove({
    title,
    text: pending.sent ? "We have sent you a code." : "Prove that it is you.",
    methods: pending.methods,
    sent: pending.sent || Boolean(pending.retry_after),
    wait: pending.retry_after,
    resend: (method) => client.resend(pending, method),
    trust,
    back,
    passkey: () => client.provePasskey(pending),
    action: async (token, method, trust) => {
      await client.verify(pending, method, token, trust);
      await done();
    },
  });
  mailed("");
}

on($("identify"), async () => {
  const form = $("identify");
  const identifier = form.elements.identifier.value.trim();
  const channel = form.elements.channel?.value;
  const more = channel && !identifier.includes("@") ? { method: channel } : {};
  let seconds = 0;
  await client.requestCode(identifier, more).catch((error) => {
    if (error.code !== "throttled" || !error.retryAfter) throw error;
    seconds = error.retryAfter; // one is on its way already
  });
  prove({
    title: "Enter the code",
    text: seconds
      ? `A code was asked for ${identifier} a moment ago: use it, or have a new one sent after the wait.`
      : `If ${identifier} has an account, a code is on its way there.`,
    sent: true,
    wait: seconds,
    methods: [identifier.includes("@") ? "email" : "phone"],
    resend: () => client.requestCode(identifier, more),
    back: () => signIn(),
    action: async (code) => goOn(await client.exchangeCode(identifier, code)),
  });
  mailed("");
});
on($("by-passkey"), async () => goOn(await client.signInByPasskey()), "This passkey is not known here.");
on($("by-password"), async () => {
  const { username, password } = $("by-password").elements;
  const pending = await client.signInByPassword(username.value.trim(), password.value);
  password.value = "";
  await goOn(pending);
});
$("use-password").onclick = () => {
  show("password");
  $("username").focus();
};
backTo("password", () => signIn());

/** The token of a magic link: out of the address bar and the history, into the button's hands. */
function link() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  history.replaceState(null, "", location.pathname);
  ask({
    title: "Sign in by link",
    text: `You have followed the link in our email. Opening it changed nothing; the button signs you in${
      client.isSignedIn ? " as who that email was sent to, in place of who is signed in now" : ""
    }.`,
    button: "Sign in",
    back: () => start(),
    action: async () => goOn(await client.exchangeLink(token)),
    wrong: "This link was used already, or is too old. Ask for a new one.",
  });
  return true;
}

// The account.

/** Do something for which the login has to be fresh: if it is not, the second factor is asked for, and it is done then. */
async function guarded(action) {
  try {
    return await action();
  } catch (error) {
    if (error.code !== "reauthentication_required") throw error;
  }
  await confirmed();
  return action();
}

/** Once the user has proven the second factor again. */
async function confirmed() {
  const pending = await client.stepUp().catch((error) => {
    if (error.code !== "reauthentication_required" && error.code !== "second_factor_enrolment_required") throw error;
    return null;
  });
  return new Promise((resolve) => {
    const back = () => account();
    if (pending) second(pending, { title: "Confirm that it is you", back, done: resolve });
    else
      ask({
        title: "Please sign in again",
        text: "This needs a new login: yours is older than five minutes, or older than your second factor.",
        button: "Sign out, and in again",
        back,
        action: async () => {
          await client.signOut();
          signIn();
        },
      });
  });
}

function addFactor(method) {
  const sentence = `${NAMES[method]} added. An email tells you so.`;
  const done = async () => (client.isSignedIn ? account(sentence) : signIn(`${sentence} Please sign in again.`));
  const back = () => account();
  const confirm = (begun) => async (token) => {
    await guarded(() => client.confirmFactor(method, { ...begun, token }));
    await done();
  };
  const begin = async (body = {}) => {
    const begun = await guarded(() => client.beginFactor(method, body));
    if (method === "recovery_code") {
      ask({
        title: "Your recovery codes",
        text: "Each of them works once, when you have lost the rest. They are not shown again: print or write them down.",
        codes: begun.codes,
        button: "I have kept them",
        action: done,
      });
      return;
    }
    prove({
      title: method === "totp" ? "Add an authenticator app" : "Enter the code",
      text: method === "totp" ? "" : `A code is on its way to ${body.phone_number ?? begun.email}.`,
      app: method === "totp" ? begun : null,
      methods: [method],
      sent: begun.sent,
      resend: () => client.beginFactor(method, body),
      back,
      action: confirm(body),
    });
    mailed("");
  };
  if (method === "passkey") return guarded(() => client.addPasskey()).then(done);
  if (method !== "phone") return begin();
  return askForNumber("Add a phone", "Codes for your second step go there.", (phone_number) => begin({ phone_number }));
}

const askForNumber = (title, text, action) =>
  ask({ title, text, label: "Phone number", type: "tel", autocomplete: "tel", button: "Send a code there", back: () => account(), action });

function changeContact(isEmail) {
  const action = async (value) => {
    await guarded(() => client.requestContact(value));
    prove({
      title: "Enter the code",
      text: `A code is on its way to ${value}, if nobody else has it.`,
      sent: true,
      methods: [isEmail ? "email" : "phone"],
      resend: () => client.requestContact(value),
      back: () => account(),
      action: async (code) => {
        await guarded(() => client.confirmContact(value, code));
        await account("Changed. The old one is told, too.");
      },
    });
    mailed("");
  };
  if (!isEmail) return askForNumber("A new phone number", "You sign in by it from then on.", action);
  const field = { label: "Email address", type: "email", autocomplete: "email", button: "Send a code there" };
  return ask({ title: "A new email address", text: "You sign in by it from then on.", ...field, back: () => account(), action });
}

/** Browser and system, as far as a User-Agent tells. */
function clientOf(name) {
  const browser = ["Firefox", "Edg", "Chrome", "Safari", "curl", "Python"].find((one) => name.includes(one));
  const system = ["iPhone", "Android", "Windows", "Mac OS X", "Linux"].find((one) => name.includes(one));
  return browser ? [browser.replace("Edg", "Edge"), system].filter(Boolean).join(" on ") : system ?? (name || "Unknown");
}

/** An entry: what it is, what there is to tell, and perhaps a button. */
function entry(title, facts, label, action) {
  const button = label ? [h("button", { className: "small", textContent: label, ariaLabel: `${label}: ${title}` })] : [];
  if (label) press(button[0], action);
  const text = h("div", {}, h("strong", { textContent: title }), h("span", { textContent: facts.filter(Boolean).join(" · ") }));
  return h("li", {}, text, ...button);
}

/** Read everything anew and show it; of who must add a factor first, what concerns that. */
async function account(sentence = "") {
  const visit = visits;
  const { factors, available } = await client.factors();
  const isWhole = client.isSignedIn;
  const facts = isWhole ? await readDetails() : null;
  if (visit !== visits) return; // signed out meanwhile
  isInside = isWhole;
  for (const card of document.querySelectorAll("#account .card + .card, #sign-out")) card.hidden = !isWhole;
  show("account", { text: facts ? listDetails(facts) : "" });
  listFactors(factors, available);
  say(sentence);
}

async function readDetails() {
  const me = await client.fetch("/api/me/").then((response) => response.json());
  const [sessions, devices] = await Promise.all([client.sessions(), client.trustedDevices()]);
  const here = sessions.find((one) => one.current);
  if (here?.name.startsWith("Mozilla/")) {
    here.name = clientOf(navigator.userAgent); // for clients that show the name as it is
    await client.renameSession(here.id, here.name);
  }
  return { me, sessions, devices };
}

/** Who it is, and all cards but the first. */
function listDetails({ me, sessions, devices }) {
  $("contact").replaceChildren(
    entry("Email address", [me.email ?? "None"], "Change", () => changeContact(true)),
    entry("Phone number", [me.phone_number ?? "None"], "Change", () => changeContact(false)),
  );
  $("sessions").replaceChildren(
    ...sessions.map((one) => {
      const facts = [one.current && "this one", one.network, `last used ${moment(one.last_used_at)}`];
      return entry(clientOf(one.name), facts, one.current ? "" : "End", async () => {
        await client.endSession(one.id);
        await account("That session has ended.");
      });
    }),
  );
  $("end-others").hidden = sessions.length < 2;
  $("devices-card").hidden = !devices.length;
  $("devices").replaceChildren(
    ...devices.map((one) =>
      entry(clientOf(one.name), [`until ${day(one.expires_at)}`], "Forget", async () => {
        await client.endTrust(one.id);
        await account("That device is asked again.");
      }),
    ),
  );
  const proofs = [...new Set((me.amr ?? []).map((name) => PROOFS[name]).filter(Boolean))].join(", ");
  return `${me.email ?? me.phone_number} · signed in with ${me.amr?.includes("mfa") ? "two factors" : "one factor"}: ${proofs}`;
}

function listFactors(factors, available) {
  $("factors").replaceChildren(
    ...factors.map((factor) => {
      const facts = [
        factor.method === "recovery_code" ? `${factor.remaining} left` : factor.name !== NAMES[factor.method] && factor.name,
        `added ${day(factor.created_at)}`,
        factor.last_used_at && `last used ${day(factor.last_used_at)}`,
      ];
      return entry(NAMES[factor.method], facts, "Remove", async () => {
        await guarded(() => client.removeFactor(factor));
        await account("Removed. An email tells you so.");
      });
    }),
  );
  if (!factors.length) $("factors").append(h("li", { className: "empty", textContent: "None yet." }));
  $("add").replaceChildren(
    ...available.map((method) => {
      const has = method !== "passkey" && factors.some((factor) => factor.method === method);
      const button = h("button", { textContent: `${has ? "Replace" : "Add"} ${NAMES[method].toLowerCase()}` });
      press(button, () => addFactor(method));
      return button;
    }),
  );
}

press($("end-others"), async () => {
  await client.endOtherSessions();
  await account("All other sessions have ended.");
});
press($("step-up"), async () => {
  await confirmed();
  await account("Confirmed: this login is fresh, and has two factors.");
});
press($("sign-out"), async () => {
  await client.signOut();
  signIn("You are signed out.");
});

// Beginning.

async function start() {
  if (!client.isSignedIn) return signIn();
  try {
    return await account();
  } catch (error) {
    if (error.status === 401) return signIn("Your session has ended. Please sign in again.");
    return ask({ title: "Something went wrong", text: explain(error), button: "Try again", action: start });
  }
}

addEventListener("hashchange", link);
addEventListener("storage", () => {
  if (isInside && !client.isSignedIn) signIn("You have signed out in another tab.");
});
link() || start();
