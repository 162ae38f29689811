// The developer's inbox: asks for what was sent, every two seconds while somebody looks.

const list = document.getElementById("messages");
const news = document.getElementById("inbox-news");
let newest = 0;

/** Text whose links can be followed and whose codes stand out. */
function readable(text) {
  const parts = text.split(/(https?:\/\/\S+|\b\d{6}\b)/);
  return parts.map((part, index) => {
    if (index % 2 === 0) return part;
    if (!part.startsWith("http")) return Object.assign(document.createElement("strong"), { textContent: part });
    const address = { href: part, textContent: part, target: "_blank", rel: "noopener noreferrer" };
    return Object.assign(document.createElement("a"), address);
  });
}

function entry({ kind, to, subject, text, at }) {
  const item = document.createElement("li");
  const head = document.createElement("p");
  const body = document.createElement("p");
  head.className = "head";
  body.className = "body";
  head.append(`${kind} to ${to}, ${new Date(at).toLocaleTimeString("en", { timeStyle: "short" })}`);
  if (subject) body.append(Object.assign(document.createElement("b"), { textContent: subject }), "\n");
  body.append(...readable(text));
  item.append(head, body);
  return item;
}

async function look() {
  if (document.hidden) return;
  const response = await fetch("/inbox/messages/").catch(() => null); // the server may be restarting
  if (!response?.ok) return;
  const { messages } = await response.json();
  if ((messages[0]?.id ?? 0) === newest && list.childElementCount) return;
  if (newest) news.textContent = `New message to ${messages[0]?.to}`;
  newest = messages[0]?.id ?? 0;
  list.replaceChildren(...messages.map(entry));
  if (!messages.length) list.append(Object.assign(document.createElement("li"), { className: "empty", textContent: "Nothing yet. Ask for a code." }));
}

async function watch() {
  await look();
  setTimeout(watch, 2000);
}

watch();
addEventListener("visibilitychange", look);
document.addEventListener("message-expected", look);
