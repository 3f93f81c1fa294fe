import { describe, expect, it } from "bun:test";
import { HeaderList } from "../http/headers";
import { refusals } from "./refusal";
import { renderRefusal, wantsPage } from "./render";

const id = "abc";
const bodyOf = (refusal: Parameters<typeof renderRefusal>[0]): string =>
  renderRefusal(refusal, new HeaderList([])).body;

describe("bodies", () => {
  it("are those of the wire, to the byte", () => {
    const token = "Sandbox is secured with traffic access token.";
    const wire: [refusal: Parameters<typeof renderRefusal>[0], status: number, body: string][] = [
      [refusals.notFound(id), 502, `{"sandboxId":"abc","message":"The sandbox was not found","code":502}`],
      [
        refusals.portClosed(id, 80),
        502,
        `{"sandboxId":"abc","message":"The sandbox is running but port is not open","port":80,"code":502}`,
      ],
      [
        refusals.trafficTokenMissing(id),
        403,
        `{"sandboxId":"abc","message":"${token} Token header 'e2b-traffic-access-token' is missing","code":403}`,
      ],
      [
        refusals.trafficTokenWrong(id),
        403,
        `{"sandboxId":"abc","message":"${token} Provided token in header 'e2b-traffic-access-token' is invalid","code":403}`,
      ],
      [
        refusals.resumeDenied(id),
        403,
        `{"sandboxId":"abc","message":"This sandbox can't be resumed with the credentials provided. Check your access token and try again.","code":403}`,
      ],
      [
        refusals.stillTransitioning(id),
        409,
        `{"sandboxId":"abc","message":"The sandbox is still transitioning. Try again in a moment.","code":409}`,
      ],
      [refusals.teamLimit(id, "no more"), 429, `{"sandboxId":"abc","message":"no more","code":429}`],
      [
        refusals.tooManyConnections(id, 5),
        429,
        `{"sandboxId":"abc","message":"The sandbox has too many concurrent incoming connections (limit: 5)","code":429,"connectionLimit":5}`,
      ],
      [
        refusals.internalRoute("/init"),
        404,
        `{"message":"This endpoint is reserved for the E2B control plane and is not reachable through the sandbox URL","path":"/init","code":404}`,
      ],
    ];
    for (const [refusal, status, body] of wire) {
      expect(refusal.status).toBe(status);
      expect(bodyOf(refusal)).toBe(body);
    }
  });

  it("are pages for people, with nothing of the visitor's in them unescaped", () => {
    const browser = new HeaderList([["User-Agent", "Mozilla/5.0"]]);
    const { headers, body } = renderRefusal(refusals.teamLimit(id, "<script>"), browser);
    expect(headers).toContainEqual(["Content-Type", "text/html; charset=utf-8"]);
    expect(body).toStartWith("<html");
    expect(body).toEndWith("</html>");
    expect(body).toContain("<title>Sandbox Limit Reached</title>");
    expect(body).not.toContain("<script>");
  });
});

describe(wantsPage, () => {
  const wants = (headers: Record<string, string>): boolean => wantsPage(new HeaderList(Object.entries(headers)));
  const agent = "Mozilla/5.0 (X11) Chrome/140";

  it("is for browsers that navigate", () => {
    expect(wants({ "User-Agent": agent })).toBe(true);
    expect(wants({ "User-Agent": agent, Accept: "text/html,application/json" })).toBe(true);
    expect(wants({ "User-Agent": agent, "Sec-Fetch-Mode": "navigate", "X-Requested-With": "x" })).toBe(true);
  });
  it("is not for tools and scripts", () => {
    expect(wants({})).toBe(false);
    expect(wants({ "User-Agent": "curl/8" })).toBe(false);
    expect(wants({ "User-Agent": agent, Accept: "application/json" })).toBe(false);
    for (const mode of ["cors", "no-cors", "same-origin", "websocket"]) {
      expect(wants({ "User-Agent": agent, "Sec-Fetch-Mode": mode })).toBe(false);
    }
    expect(wants({ "User-Agent": agent, "X-Requested-With": "XMLHttpRequest" })).toBe(false);
  });
});
