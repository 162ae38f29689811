/**
 * A client of jwt_drf_passwordless for browsers: every route, in one class, without dependencies.
 *
 * The access token is kept in memory. The refresh token is in a store, by default `localStorage`: it works once, so all
 * tabs have to share one, and take turns at using it. More of that in docs/javascript-client.md.
 *
 * @typedef {object} Pending  The answer 206: the first factor was right, a second one is asked for.
 * @property {string} code  "second_factor_required"; or "second_factor_enrolment_required": there is none yet, and until
 *   there is one, only the routes that list and add factors are open.
 * @property {string} ticket  Stands for the first factor, for five minutes.
 * @property {string[]} methods  Factors to choose from.
 * @property {boolean} sent  Whether the first of them has sent a code.
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
 * @typedef {object} Store  Keeps texts, by the names "refresh" and "device"; null removes one.
 * @property {(name: string) => ?string} get
 * @property {(name: string, value: ?string) => void} set
 */

/** A call that was refused. `retryAfter`: seconds, or null. Status 0 and code "unreachable": it did not arrive. */
export class PasswordlessError extends Error {
  constructor(status, answer = {}, retryAfter = null) {
    const sentence = answer.detail ?? Object.values(answer).flat()[0]; // {field: [sentence]} of a malformed body
    super(typeof sentence === "string" ? sentence : `Status ${status}`);
    Object.assign(this, { name: "PasswordlessError", status, code: answer.code ?? "", answer, retryAfter });
  }
}

/** Shared by all tabs of the site, and outlives them. @returns {Store} */
export function browserStore(storage = localStorage, prefix = "passwordless.") {
  return {
    get: (name) => storage.getItem(prefix + name),
    set: (name, value) => (value ? storage.setItem(prefix + name, value) : storage.removeItem(prefix + name)),
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
   * @param {string} [options.userClaim]  SimpleJWT's `USER_ID_CLAIM`.
   */
  constructor({ login = "/passwordless/", api = "/api/", store = browserStore(), userClaim = "user_id" } = {}) {
    Object.assign(this, { login, api, store, userClaim });
  }

  /** Whether there is a session to go on with; only a call tells whether the server agrees. */
  get isSignedIn() {
    return Boolean(this.store.get("refresh"));
  }

  // First factors. Those that sign in give null, or a `Pending` when more is to be proven.

  /** Have a code sent to an address, or a number with its country, "+12015550123". The answer is the same for unknown ones.
   * @param {object} [more]  Of the body: `method`, a channel of the vendor, or `captcha`. */
  async requestCode(identifier, more = {}) {
    const [route, body] = named(identifier);
    const { handle } = await this.#post(`${this.login}request/${route}/`, { ...body, ...more });
    this.#handle = handle ? { handle } : {}; // with BIND_TO_REQUEST
  }

  /** @returns {Promise<?Pending>} */
  exchangeCode(identifier, token) {
    const [route, body] = named(identifier);
    return this.#signIn(`${this.login}exchange/${route}/`, { ...body, token, ...this.#handle });
  }

  /** Use up a magic link. After a click only: scanners of mail open links, and some run scripts.
   * @returns {Promise<?Pending>} */
  exchangeLink(token) {
    return this.#signIn(`${this.login}exchange/`, { token });
  }

  /** @returns {Promise<?Pending>} */
  signInByPassword(username, password) {
    return this.#signIn(`${this.api}token/`, { username, password });
  }

  /** For a button. A user who turns away is the browser's NotAllowedError.
   * @returns {Promise<?Pending>} */
  signInByPasskey() {
    this.stopAutofill();
    return this.#passkey();
  }

  /** Let passkeys stand among the proposals of an `<input autocomplete="username webauthn">`, until one is chosen.
   * @returns {Promise<?Pending|undefined>}  undefined: the browser cannot, or `stopAutofill()` was called. */
  async signInByAutofill() {
    this.stopAutofill();
    const stop = (this.#autofill = new AbortController()).signal;
    if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.())) return undefined;
    while (!stop.aborted) {
      // A challenge lives ten minutes: begin anew before.
      const signal = AbortSignal.any([stop, AbortSignal.timeout(9 * 60 * 1000)]);
      try {
        return await this.#passkey({ mediation: "conditional", signal });
      } catch (error) {
        if (!signal.aborted) throw error;
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
   * @param {boolean} [trust]  Whether the user wants to be asked for no second factor here, for some days. */
  async verify({ ticket }, method, token, trust = false) {
    const body = { ticket, method, token, ...(trust && { trust_device: true }) };
    const answer = await this.#post(`${this.api}2fa/token-verify/`, body);
    if (answer.device_token) this.store.set("device", answer.device_token);
    await this.#begin(answer);
  }

  /** @param {Pending} pending */
  provePasskey = ({ options }) => prove(options.passkey);

  /** Have a new code sent: status 429 and `retryAfter` within the wait. */
  resend = ({ ticket }, method) => this.#post(`${this.api}2fa/resend/`, { ticket, method });

  /** After an error "reauthentication_required". Status 403: who has no second factor, or one that is younger than the
   * session, has to sign in again. @returns {Promise<Pending>} */
  stepUp = () => this.#call("POST", "2fa/step-up/");

  // Second factors of the user.

  /** @returns {Promise<{factors: Factor[], available: string[], required: boolean}>} */
  factors = () => this.#call("GET", "2fa/factors/");

  /** Begin to add one: what is needed to confirm it; recovery codes are told here only, in `codes`.
   * @param {object} [body]  For a phone `{phone_number}`. */
  beginFactor = (method, body = {}) => this.#call("POST", `2fa/factors/${method}/`, body);

  /** @param {object} body  What began it, `token`, and optional `name`. @returns {Promise<Factor>} */
  confirmFactor = (method, body) => this.#call("POST", `2fa/factors/${method}/confirm/`, body);

  /** A device that has one of the account already is the browser's InvalidStateError. @returns {Promise<Factor>} */
  async addPasskey(name = "") {
    const { publicKey } = await this.beginFactor("passkey");
    const credential = await navigator.credentials.create({ publicKey: optionsOf("Creation", publicKey) });
    return this.confirmFactor("passkey", { token: jsonOf(credential), name });
  }

  renameFactor = ({ method, id }, name) => this.#call("PATCH", `2fa/factors/${method}/${id}/`, { name });
  removeFactor = ({ method, id }) => this.#call("DELETE", `2fa/factors/${method}/${id}/`, {});

  // Sessions and trusted devices: their lists, and what is done with an entry by its id.

  sessions = () => this.#call("GET", "sessions/");
  renameSession = (id, name) => this.#call("PATCH", `sessions/${id}/`, { name });
  endSession = (id) => this.#call("DELETE", `sessions/${id}/`);
  endOtherSessions = () => this.#call("DELETE", "sessions/others/");
  trustedDevices = () => this.#call("GET", "2fa/trusted-devices/");
  endTrust = (id) => this.#call("DELETE", `2fa/trusted-devices/${id}/`);

  // Another address or number for the user: a code goes there, and confirms it.

  requestContact(identifier) {
    const [route, body] = named(identifier);
    return this.#call("POST", `contact/${route}/`, body);
  }

  confirmContact(identifier, token) {
    const [route, body] = named(identifier);
    return this.#call("POST", `contact/${route}/confirm/`, { ...body, token });
  }

  // Tokens.

  /** The browser's `fetch` with the access token, which is renewed when there is none or the server refuses it. */
  async fetch(url, options = {}) {
    const send = () => {
      const headers = new Headers(options.headers);
      headers.set("Authorization", `Bearer ${this.#access}`);
      return reach(url, { ...options, headers });
    };
    if (!this.#access) await this.refresh();
    const response = await send();
    if (response.status !== 401 || !this.isSignedIn) return response;
    await this.refresh();
    return send();
  }

  /** Renew both tokens; calls at one time become one. Status 401: the session has ended, sign in; with the code
   * "user_changed" somebody else has signed in in another tab, as whom nothing is done that was begun before. */
  refresh() {
    const renew = async () => {
      const refresh = this.store.get("refresh"); // which another tab may have renewed while this one waited
      if (!refresh) throw new PasswordlessError(401, { detail: "Please sign in.", code: "not_authenticated" });
      const answer = await this.#post(`${this.api}token/refresh/`, { refresh }).catch((error) => {
        if (error.status === 401) this.#forget();
        throw error;
      });
      const before = this.#access;
      this.#access = answer.access;
      if (answer.refresh) this.store.set("refresh", answer.refresh);
      if (before && claimOf(before, this.userClaim) !== claimOf(answer.access, this.userClaim))
        throw new PasswordlessError(401, { detail: "Somebody else has signed in here.", code: "user_changed" });
    };
    this.#refreshing ??= inTurn(renew).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** End the session on the server and here; here also if the server cannot be reached. */
  signOut() {
    return inTurn(async () => {
      const refresh = this.store.get("refresh");
      this.#forget();
      if (refresh) await this.#post(`${this.api}token/logout/`, { refresh });
    });
  }

  /** Of an earlier login, which may be somebody else's, nothing stays; a refresh that is under way is waited for. */
  #begin({ access, refresh, enrolment_token }) {
    return inTurn(() => {
      this.#access = access ?? enrolment_token;
      this.store.set("refresh", refresh ?? null);
    });
  }

  #forget() {
    this.#access = null;
    this.store.set("refresh", null);
  }

  async #signIn(url, body) {
    const device = this.store.get("device");
    const answer = await this.#post(url, body, device ? { "X-Device-Token": device } : {});
    if (answer.access || answer.enrolment_token) await this.#begin(answer);
    return answer.access ? null : answer;
  }

  async #passkey(more = {}) {
    const { publicKey, ticket } = await this.#post(`${this.api}passkey/request/`);
    return this.#signIn(`${this.api}passkey/login/`, { ticket, credential: await prove(publicKey, more) });
  }

  #post = async (url, body = {}, headers = {}) => read(await reach(url, request("POST", body, headers)));
  #call = async (method, route, body) => read(await this.fetch(this.api + route, request(method, body)));
}

/** Route and body of an identifier. */
const named = (identifier) =>
  identifier.includes("@") ? ["email", { email: identifier }] : ["mobile", { phone_number: identifier }];

const request = (method, body, headers = {}) =>
  body ? { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) } : { method };

const reach = (url, options) =>
  fetch(url, options).catch(() => {
    throw new PasswordlessError(0, { detail: "The server cannot be reached.", code: "unreachable" });
  });

async function read(response) {
  const answer = await response.json().catch(() => ({})); // 204 has no body
  if (response.ok) return answer;
  throw new PasswordlessError(response.status, answer, Number(response.headers.get("Retry-After")) || null);
}

/** One at a time, in all tabs; older browsers, and pages without https, have no locks. */
const inTurn = async (action) => (navigator.locks ? navigator.locks.request("passwordless", action) : action());

/** What an access token says; undefined of other tokens. */
function claimOf(token, name) {
  try {
    return JSON.parse(new TextDecoder().decode(bytesOf(token.split(".")[1])))[name];
  } catch {
    return undefined;
  }
}

const prove = async (publicKey, more = {}) =>
  jsonOf(await navigator.credentials.get({ publicKey: optionsOf("Request", publicKey), ...more }));

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
  const encoded = names.filter((name) => response[name]).map((name) => [name, base64url(response[name])]);
  const transports = response.getTransports ? { transports: response.getTransports() } : {};
  return { id, rawId: base64url(rawId), type, response: { ...Object.fromEntries(encoded), ...transports }, clientExtensionResults: {} };
}
