/**
 * A client of jwt_drf_passwordless for browsers: every route, in one class, without dependencies.
 *
 * The access token is kept in memory only. The refresh token is in a store, by default `localStorage`: it works once,
 * so all tabs have to share one, and take turns at using it. docs/javascript-client.md says what follows of that.
 *
 * @typedef {object} Pending  The answer 206: the first factor was right, a second one is asked for.
 * @property {string} code  "second_factor_required", or "second_factor_enrolment_required": then the routes that list
 *   and add factors are open, and nothing else.
 * @property {string} ticket  Stands for the first factor, for five minutes.
 * @property {string[]} methods  Factors to choose from; the first one has sent its code, if it sends any.
 * @property {boolean} sent  Whether it has.
 * @property {number} [retry_after]  Seconds until it may send another one.
 * @property {{passkey?: object}} [options]
 *
 * @typedef {object} Factor  An entry of the list, with what else its kind has to tell.
 * @property {string} id
 * @property {string} method  "passkey", "totp", "phone", "email" or "recovery_code".
 * @property {string} name
 * @property {string} created_at
 * @property {?string} last_used_at
 *
 * @typedef {object} Store  Keeps texts by name; null removes one. Names are "refresh" and "device".
 * @property {(name: string) => ?string} get
 * @property {(name: string, value: ?string) => void} set
 */

/** A call that was refused (`status`, `code`), or that did not reach the server (status 0, code "unreachable"). */
export class PasswordlessError extends Error {
  /**
   * @param {number} status
   * @param {object} [answer]  `{detail, code}`, or `{field: [sentence]}` with status 400.
   * @param {?number} [retryAfter]  Seconds, of the header Retry-After.
   */
  constructor(status, answer = {}, retryAfter = null) {
    super(answer.detail ?? Object.values(answer).flat().find((one) => typeof one === "string") ?? `Status ${status}`);
    this.name = "PasswordlessError";
    this.status = status;
    this.code = answer.detail ? (answer.code ?? "") : "invalid_field";
    this.answer = answer;
    this.retryAfter = retryAfter;
  }
}

/**
 * A store that all tabs of the site share, and that outlives them.
 * @param {Storage} [storage]
 * @returns {Store}
 */
export function browserStore(storage = localStorage) {
  return {
    get: (name) => storage.getItem(`passwordless.${name}`),
    set: (name, value) =>
      value == null ? storage.removeItem(`passwordless.${name}`) : storage.setItem(`passwordless.${name}`, value),
  };
}

export class PasswordlessClient {
  #access = null;
  #handle = null;
  #refreshing = null;
  #autofill = null;

  /**
   * @param {object} [options]
   * @param {string} [options.login]  Where `jwt_drf_passwordless.urls` is included.
   * @param {string} [options.api]  Where the urls of `two_factor`, `sessions` and `contact` are.
   * @param {Store} [options.store]
   */
  constructor({ login = "/passwordless/", api = "/api/", store = browserStore() } = {}) {
    this.login = login;
    this.api = api;
    this.store = store;
  }

  /** Whether there is a session to go on with. Only a call tells whether the server agrees. */
  get isSignedIn() {
    return Boolean(this.store.get("refresh"));
  }

  // First factors. Those that sign in give null, or what is still to be proven.

  /**
   * Have a code sent, by email or to a phone; an unknown address is answered as a known one.
   * @param {string} identifier  An address, or a number with its country: "+12015550123".
   * @param {object} [more]  Of the body: `method`, a channel of the vendor, or `captcha`.
   */
  async requestCode(identifier, more = {}) {
    const [route, field] = kindOf(identifier);
    const answer = await this.#post(`${this.login}request/${route}/`, { [field]: identifier, ...more });
    this.#handle = answer.handle ?? null; // only with BIND_TO_REQUEST
  }

  /** @returns {Promise<?Pending>} */
  exchangeCode(identifier, code) {
    const [route, field] = kindOf(identifier);
    const handle = this.#handle ? { handle: this.#handle } : {};
    return this.#signIn(`${this.login}exchange/${route}/`, { [field]: identifier, token: code, ...handle });
  }

  /** Use up a magic link. Only after a click: scanners of mail open links, and some run scripts.
   * @returns {Promise<?Pending>} */
  exchangeLink(token) {
    return this.#signIn(`${this.login}exchange/`, { token });
  }

  /** @returns {Promise<?Pending>} */
  signInByPassword(username, password) {
    return this.#signIn(`${this.api}token/`, { username, password });
  }

  /** For a button. Throws the browser's NotAllowedError when the user turns away.
   * @returns {Promise<?Pending>} */
  signInByPasskey() {
    this.stopAutofill();
    return this.#passkey();
  }

  /** Let passkeys stand among the proposals of an `<input autocomplete="username webauthn">`, until one is chosen or
   * `stopAutofill()` is called. undefined: it was stopped, or the browser cannot.
   * @returns {Promise<?Pending|undefined>} */
  async signInByAutofill() {
    this.stopAutofill();
    const attempt = (this.#autofill = new AbortController());
    if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.())) return undefined;
    while (!attempt.signal.aborted) {
      const round = new AbortController(); // a challenge lives ten minutes: begin anew before
      const timer = setTimeout(() => round.abort(), 9 * 60 * 1000);
      attempt.signal.addEventListener("abort", () => round.abort());
      try {
        return await this.#passkey({ mediation: "conditional", signal: round.signal });
      } catch (error) {
        if (!round.signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
      }
    }
    return undefined;
  }

  stopAutofill() {
    this.#autofill?.abort();
  }

  // The second factor.

  /** Finish a login or a step-up.
   * @param {Pending} pending
   * @param {string} method  One of `pending.methods`.
   * @param {string|object} token  The code; of a passkey what `provePasskey` gives.
   * @param {{trustDevice?: boolean}} [options]  Whether the user wants no second factor here for some days. */
  async verify({ ticket }, method, token, { trustDevice = false } = {}) {
    const body = { ticket, method, token, ...(trustDevice && { trust_device: true }) };
    const answer = await this.#post(`${this.api}2fa/token-verify/`, body);
    if (answer.device_token) this.store.set("device", answer.device_token);
    this.#keep(answer);
  }

  /** @param {Pending} pending */
  provePasskey({ options }) {
    return prove(options.passkey);
  }

  /** Have a new code sent. Throws 429 with `retryAfter` within the wait. */
  resend({ ticket }, method) {
    return this.#post(`${this.api}2fa/resend/`, { ticket, method });
  }

  /** After an error "reauthentication_required": what is to be proven, for `verify`. Refused to who has no second
   * factor, and for one that is younger than the session: then sign in again.
   * @returns {Promise<Pending>} */
  stepUp() {
    return this.#call("POST", "2fa/step-up/");
  }

  // Second factors of the user.

  /** @returns {Promise<{factors: Factor[], available: string[], required: boolean}>} */
  factors() {
    return this.#call("GET", "2fa/factors/");
  }

  /** Begin to add one: what is needed to confirm it; of recovery codes the `codes`, which are told here only.
   * @param {object} [body]  For a phone `{phone_number}`. */
  beginFactor(method, body = {}) {
    return this.#call("POST", `2fa/factors/${method}/`, body);
  }

  /** @param {object} body  `token`, what began it, and optional `name`.
   * @returns {Promise<Factor>} */
  confirmFactor(method, body) {
    return this.#call("POST", `2fa/factors/${method}/confirm/`, body);
  }

  /** Throws the browser's InvalidStateError on a device that has a passkey of the account.
   * @returns {Promise<Factor>} */
  async addPasskey(name = "") {
    const { publicKey } = await this.beginFactor("passkey");
    const credential = await navigator.credentials.create({ publicKey: optionsOf("Creation", publicKey) });
    return this.confirmFactor("passkey", { token: jsonOf(credential), name });
  }

  renameFactor({ method, id }, name) {
    return this.#call("PATCH", `2fa/factors/${method}/${id}/`, { name });
  }

  removeFactor({ method, id }) {
    return this.#call("DELETE", `2fa/factors/${method}/${id}/`, {});
  }

  // Sessions, trusted devices, addresses.

  sessions() {
    return this.#call("GET", "sessions/");
  }

  renameSession(id, name) {
    return this.#call("PATCH", `sessions/${id}/`, { name });
  }

  endSession(id) {
    return this.#call("DELETE", `sessions/${id}/`);
  }

  endOtherSessions() {
    return this.#call("DELETE", "sessions/others/");
  }

  trustedDevices() {
    return this.#call("GET", "2fa/trusted-devices/");
  }

  endTrust(id) {
    return this.#call("DELETE", `2fa/trusted-devices/${id}/`);
  }

  /** Have a code sent to a new address or number of the user. */
  requestContact(identifier) {
    const [route, field] = kindOf(identifier);
    return this.#call("POST", `contact/${route}/`, { [field]: identifier });
  }

  confirmContact(identifier, token) {
    const [route, field] = kindOf(identifier);
    return this.#call("POST", `contact/${route}/confirm/`, { [field]: identifier, token });
  }

  // Tokens.

  /** The browser's `fetch` with the access token, which is renewed when there is none or the server refuses it. */
  async fetch(url, options = {}) {
    const send = () =>
      reach(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${this.#access}` } });
    if (!this.#access) await this.refresh();
    const response = await send();
    if (response.status !== 401 || !this.isSignedIn) return response;
    await this.refresh();
    return send();
  }

  /** Renew both tokens; calls at one time become one. An error with status 401: the session has ended, sign in. */
  refresh() {
    this.#refreshing ??= inTurn(async () => {
      const refresh = this.store.get("refresh"); // another tab may have renewed it in the meantime
      if (!refresh) throw new PasswordlessError(401, { detail: "Please sign in.", code: "not_authenticated" });
      this.#keep(await this.#post(`${this.api}token/refresh/`, { refresh }));
    })
      .catch((error) => {
        if (error.status === 401) this.#forget();
        throw error;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  /** End the session, on the server and here; here also if the server cannot be reached. */
  signOut() {
    return inTurn(async () => {
      const refresh = this.store.get("refresh");
      this.#forget();
      if (refresh) await this.#post(`${this.api}token/logout/`, { refresh });
    });
  }

  #keep({ access, refresh, enrolment_token }) {
    this.#access = access ?? enrolment_token;
    if (refresh) this.store.set("refresh", refresh);
  }

  #forget() {
    this.#access = null;
    this.store.set("refresh", null);
  }

  async #signIn(url, body) {
    const device = this.store.get("device");
    const answer = await this.#post(url, body, device ? { "X-Device-Token": device } : {});
    if (answer.access || answer.enrolment_token) this.#keep(answer);
    return answer.access ? null : answer;
  }

  async #passkey(more = {}) {
    const { publicKey, ticket } = await this.#post(`${this.api}passkey/request/`);
    return this.#signIn(`${this.api}passkey/login/`, { ticket, credential: await prove(publicKey, more) });
  }

  async #post(url, body = {}, headers = {}) {
    return read(await reach(url, request("POST", body, headers)));
  }

  async #call(method, route, body) {
    return read(await this.fetch(this.api + route, request(method, body)));
  }
}

/** Route and field of an identifier. */
const kindOf = (identifier) => (identifier.includes("@") ? ["email", "email"] : ["mobile", "phone_number"]);

const request = (method, body, headers = {}) =>
  body ? { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) } : { method };

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new PasswordlessError(0, { detail: "The server cannot be reached.", code: "unreachable" });
  }
}

async function read(response) {
  const answer = await response.json().catch(() => ({})); // 204 has no body
  if (response.ok) return answer;
  throw new PasswordlessError(response.status, answer, Number(response.headers.get("Retry-After")) || null);
}

/** Run one at a time, over all tabs where the browser knows locks. */
const inTurn = (action) => (navigator.locks ? navigator.locks.request("passwordless", action) : action());

async function prove(publicKey, more = {}) {
  return jsonOf(await navigator.credentials.get({ publicKey: optionsOf("Request", publicKey), ...more }));
}

// What WebAuthn level 3 does by itself, for browsers that are older.

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function optionsOf(kind, json) {
  const parse = `parse${kind}OptionsFromJSON`;
  if (PublicKeyCredential[parse]) return PublicKeyCredential[parse](json);
  const options = { ...json, challenge: bytesOf(json.challenge) };
  if (json.user) options.user = { ...json.user, id: bytesOf(json.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"])
    if (json[list]) options[list] = json[list].map((one) => ({ ...one, id: bytesOf(one.id) }));
  return options;
}

function jsonOf(credential) {
  if (credential.toJSON) return credential.toJSON();
  const { id, rawId, type, response } = credential;
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const encoded = Object.fromEntries(names.filter((name) => response[name]).map((name) => [name, base64url(response[name])]));
  if (response.getTransports) encoded.transports = response.getTransports();
  return { id, rawId: base64url(rawId), type, response: encoded, clientExtensionResults: {} };
}
