import { ackCases } from "./ack_cases.ts";
import { basicCases } from "./basic_cases.ts";
import { channelCases } from "./channel_cases.ts";
import { confirmTxCases } from "./confirm_tx_cases.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { connectionCases } from "./connection_cases.ts";
import { consumeCases } from "./consume_cases.ts";
import { deadLetterCases } from "./dead_letter_cases.ts";
import { exchangeCases } from "./exchange_cases.ts";
import { handshakeCases } from "./handshake_cases.ts";
import { limitsCases } from "./limits_cases.ts";
import { queueArgumentCases } from "./queue_argument_cases.ts";
import { queueCases } from "./queue_cases.ts";
import { quorumCases } from "./quorum_cases.ts";
import { replyToCases } from "./reply_to_cases.ts";
import { routingCases } from "./routing_cases.ts";

export { type Broker, type ConformanceCase, runCase, runDifferent } from "./conformance_case.ts";

/** What a broker has to do to be one of Warren's. */
export const conformance: ConformanceCase[] = [
  ...handshakeCases,
  ...connectionCases,
  ...channelCases,
  ...exchangeCases,
  ...routingCases,
  ...queueCases,
  ...queueArgumentCases,
  ...basicCases,
  ...ackCases,
  ...consumeCases,
  ...confirmTxCases,
  ...deadLetterCases,
  ...replyToCases,
  ...quorumCases,
  ...limitsCases,
];
