/** What a handler takes and gives, by operation id. A missing handler, or an answer the contract does not know, does not compile. */
import type { operations } from "@sandlot/contracts/rest";
import type { Team } from "@sandlot/db";
import type { KnownUser } from "../auth/team-lookup";

/** The operations that are built: those whose contract knows more than 501. */
export type OperationId = {
  [K in keyof operations]: 501 extends keyof operations[K]["responses"] ? never : K;
}[keyof operations];

type PartOf<O, Part extends "path" | "query"> = O extends { parameters: { [P in Part]?: infer V } }
  ? [V] extends [never]
    ? Record<never, never>
    : NonNullable<V>
  : Record<never, never>;

type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer B } } }
  ? B
  : O extends { requestBody?: { content: { "application/json": infer B } } }
    ? B | undefined
    : undefined;

/** Operations that no team calls: open ones, the administrator's own, and those about a user. */
type Teamless =
  | "getHealth"
  | "getIdentityKeys"
  | "getIdentityProvider"
  | "listTeams"
  | "listNodes"
  | "getNode"
  | "updateNode"
  | "killTeamSandboxes"
  | "createTeamApiKey"
  | "deleteTeamApiKey"
  | "countRunningSandboxes"
  | "cancelTeamBuilds";

/** What a few operations want to know of the caller's own side. */
export type CallingClient = {
  /** Empty when none was sent. */
  readonly userAgent: string;
  /** This service as the caller reaches it, `http://host:port`. */
  readonly origin: string;
};

export type Call<Id extends OperationId> = {
  readonly path: PartOf<operations[Id], "path">;
  readonly query: PartOf<operations[Id], "query">;
  readonly body: BodyOf<operations[Id]>;
  /** Whose access token it was, where one was sent. */
  readonly user: KnownUser | undefined;
  readonly client: CallingClient;
} & (Id extends Teamless ? unknown : { readonly team: Team });

type PayloadOf<R> = R extends { content: { "application/json": infer B } }
  ? { readonly body: B }
  : R extends { content: { "text/plain": infer T } }
    ? { readonly text: T }
    : unknown;

export type Answer<Id extends OperationId> = {
  [S in Extract<keyof operations[Id]["responses"], number>]: {
    readonly status: S;
    readonly headers?: Readonly<Record<string, string>>;
  } & PayloadOf<operations[Id]["responses"][S]>;
}[Extract<keyof operations[Id]["responses"], number>];

export type Handler<Id extends OperationId> = (call: Call<Id>) => Promise<Answer<Id>>;
export type Handlers = { readonly [Id in OperationId]: Handler<Id> };

/** What the router knows of any call and any answer. */
export type AnyCall = {
  path: unknown;
  query: unknown;
  body: unknown;
  team: Team | undefined;
  user: KnownUser | undefined;
  client: CallingClient;
};
export type AnyAnswer = { status: number; headers?: Record<string, string>; body?: unknown; text?: string };
export type AnyHandler = (call: AnyCall) => Promise<AnyAnswer>;
