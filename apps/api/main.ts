import { loadApiConfig, startApi } from "@sandlot/api";
import { runMain } from "@sandlot/lifetime";

await runMain(async () => startApi(loadApiConfig(process.env)));
