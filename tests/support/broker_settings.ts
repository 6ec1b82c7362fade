import type { BrokerSettings } from "../../lib/hosting/broker_child.ts";

/** What a test's broker is told: any ports of this machine, and limits that no test comes near by chance. */
export const TEST_BROKER: Omit<BrokerSettings, "dataDir"> = {
  host: "127.0.0.1",
  port: 0,
  wsPort: 0,
  wsPortAsked: false,
  users: {},
  memoryLimit: 8 * 1024 ** 3,
  diskFreeLimit: 0,
  version: "0.0.0",
};
