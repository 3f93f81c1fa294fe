import type { HeaderList } from "../http/headers";
import type { Answer } from "../proxy-request";
import type { Refusal } from "./refusal";

const BROWSER = /mozilla|chrome|safari|firefox|edge|opera|msie/i;
const SCRIPT_MODES = new Set(["cors", "no-cors", "same-origin", "websocket"]);

/** A page for a person who follows a link, JSON for everything else. */
export function renderRefusal(refusal: Refusal, headers: HeaderList): Answer {
  const isPage = wantsPage(headers);
  return {
    status: refusal.status,
    headers: [
      ["Content-Type", isPage ? "text/html; charset=utf-8" : "application/json; charset=utf-8"],
      ["X-Content-Type-Options", "nosniff"],
    ],
    body: isPage ? page(refusal) : JSON.stringify(refusal.json),
  };
}

export function plainAnswer(status: number, body: string): Answer {
  return { status, headers: [["Content-Type", "text/plain; charset=utf-8"]], body };
}

/** Source: behaviour.md §3.5. */
export function wantsPage(headers: HeaderList): boolean {
  if (!BROWSER.test(headers.get("User-Agent") ?? "")) return false;
  const accept = headers.all("Accept").join(",").toLowerCase();
  if (accept.includes("application/json") && !accept.includes("text/html")) return false;
  const mode = headers.get("Sec-Fetch-Mode")?.toLowerCase();
  if (mode === "navigate") return true;
  if (mode !== undefined && SCRIPT_MODES.has(mode)) return false;
  return (headers.get("X-Requested-With") ?? "") === "";
}

function page(refusal: Refusal): string {
  const { sandboxId, port } = refusal.json;
  const about = [sandboxId && `Sandbox ${sandboxId}`, port && `port ${port}`].filter(Boolean).join(", ");
  return `<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(refusal.title)}</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: 0 0 .5rem } small { opacity: .65 }
</style>
</head>
<body>
<h1>${escapeText(refusal.title)}</h1>
<p>${escapeText(refusal.message)}</p>
<p><small>${escapeText(about)}</small></p>
</body>
</html>`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
