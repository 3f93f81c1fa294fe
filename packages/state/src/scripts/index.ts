/** The steps that must be atomic, one Lua file each. Scripts never re-encode a record: Lua cannot tell [] from {}. */
import { defineScript } from "../redis";
import beginTransition from "./begin-transition.lua" with { type: "text" };
import commit from "./commit.lua" with { type: "text" };
import count from "./count.lua" with { type: "text" };
import finishTransition from "./finish-transition.lua" with { type: "text" };
import list from "./list.lua" with { type: "text" };
import remove from "./remove.lua" with { type: "text" };
import removeRoute from "./remove-route.lua" with { type: "text" };
import renewTransition from "./renew-transition.lua" with { type: "text" };
import reserve from "./reserve.lua" with { type: "text" };
import settled from "./settled.lua" with { type: "text" };
import update from "./update.lua" with { type: "text" };

export const scripts = {
  beginTransition: defineScript("begin-transition", beginTransition),
  commit: defineScript("commit", commit),
  count: defineScript("count", count),
  finishTransition: defineScript("finish-transition", finishTransition),
  list: defineScript("list", list),
  remove: defineScript("remove", remove),
  removeRoute: defineScript("remove-route", removeRoute),
  renewTransition: defineScript("renew-transition", renewTransition),
  reserve: defineScript("reserve", reserve),
  settled: defineScript("settled", settled),
  update: defineScript("update", update),
} as const;
