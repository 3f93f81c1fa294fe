/** What a sandbox's visitor is told when there is no answer from the sandbox. Bodies are fixed: behaviour.md §3.5. */
export type Refusal = {
  readonly status: number;
  /** Title of the page. */
  readonly title: string;
  readonly message: string;
  /** The JSON body, fields in the order in which they are written. */
  readonly json: Readonly<Record<string, string | number>>;
};

function refusal(of: { status: number; title: string; sandboxId: string; message: string }): Refusal {
  const { status, title, sandboxId, message } = of;
  return { status, title, message, json: { sandboxId, message, code: status } };
}

const TOKEN = "Sandbox is secured with traffic access token.";

export const refusals = {
  notFound: (sandboxId: string) =>
    refusal({ status: 502, title: "Sandbox Not Found", sandboxId, message: "The sandbox was not found" }),

  portClosed(sandboxId: string, port: number): Refusal {
    const message = "The sandbox is running but port is not open";
    return { status: 502, title: "Closed Port Error", message, json: { sandboxId, message, port, code: 502 } };
  },

  trafficTokenMissing: (sandboxId: string) =>
    refusal({
      status: 403,
      title: "Missing Traffic Access Token",
      sandboxId,
      message: `${TOKEN} Token header 'e2b-traffic-access-token' is missing`,
    }),

  trafficTokenWrong: (sandboxId: string) =>
    refusal({
      status: 403,
      title: "Invalid Traffic Access Token",
      sandboxId,
      message: `${TOKEN} Provided token in header 'e2b-traffic-access-token' is invalid`,
    }),

  /** Our own, for links: their token is no traffic token. */
  linkWrong: (sandboxId: string) =>
    refusal({
      status: 403,
      title: "Link Not Valid",
      sandboxId,
      message: "This link has expired or is not valid here.",
    }),

  resumeDenied: (sandboxId: string) =>
    refusal({
      status: 403,
      title: "Unable to Resume Sandbox",
      sandboxId,
      message: "This sandbox can't be resumed with the credentials provided. Check your access token and try again.",
    }),

  stillTransitioning: (sandboxId: string) =>
    refusal({
      status: 409,
      title: "Sandbox Still Transitioning",
      sandboxId,
      message: "The sandbox is still transitioning. Try again in a moment.",
    }),

  /** `message` is the api's. */
  teamLimit: (sandboxId: string, message: string) =>
    refusal({ status: 429, title: "Sandbox Limit Reached", sandboxId, message }),

  tooManyConnections(sandboxId: string, limit: number): Refusal {
    const message = `The sandbox has too many concurrent incoming connections (limit: ${limit})`;
    const json = { sandboxId, message, code: 429, connectionLimit: limit };
    return { status: 429, title: "Too Many Connections", message, json };
  },

  internalRoute(path: string): Refusal {
    const message = "This endpoint is reserved for the E2B control plane and is not reachable through the sandbox URL";
    return { status: 404, title: "Endpoint Not Available", message, json: { message, path, code: 404 } };
  },
} as const;
