/** The thread of the run records: everything that waits for the disk, and every search, is done here. */
import { describeError } from "../../../base/errors.ts";
import { RunKeeper } from "./run_keeper.ts";
import type { FromWorker, ToWorker } from "./worker_protocol.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker): void;
  close(): void;
};

let keeper: RunKeeper | undefined;

const HANDLERS: { [Op in ToWorker["op"]]: (message: ToWorker & { op: Op }) => void } = {
  open({ op: _, ...options }) {
    keeper = new RunKeeper({ ...options, onTrouble: (text) => scope.postMessage({ op: "trouble", text }) });
  },
  write({ runs }) {
    try {
      keeper!.write(runs);
      scope.postMessage({ op: "wrote", count: runs.length });
    } catch (error) {
      scope.postMessage({ op: "wrote", count: runs.length, error: describeError(error) });
    }
  },
  ask({ id, question, payload }) {
    try {
      scope.postMessage({ op: "answer", id, value: keeper!.ask(question, payload) });
    } catch (error) {
      scope.postMessage({ op: "answer", id, error: describeError(error) });
    }
  },
  close() {
    keeper?.close();
    scope.postMessage({ op: "closed" });
    scope.close();
  },
};

scope.onmessage = ({ data }) => (HANDLERS[data.op] as (message: ToWorker) => void)(data);
