import { EmbeddedBroker } from "./embedded_broker.ts";
import { freePort } from "./free_port.ts";
import { Proxy } from "./proxy.ts";

/** A broker of the test's own, to be stopped, killed, frozen or starved. */
export interface PrivateBroker extends AsyncDisposable {
  readonly url: string;
  /** Leads to it in such a way that `closeConnections()` can. */
  readonly closableUrl: string;
  /** Starts it with the data it had. */
  start(): Promise<void>;
  /** Stops it cleanly and waits for its end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** It stays there and says nothing, until `thaw()`. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Memory is too short for publishers, until `feed()`. */
  starve(): Promise<void>;
  feed(): Promise<void>;
  /** Ends what came by `closableUrl`, and gives words of what the client says about that. */
  closeConnections(): Promise<string>;
}

/** The embedded broker as a private one. */
export class PrivateEmbedded implements PrivateBroker {
  readonly #broker: EmbeddedBroker;
  readonly #proxy: Proxy;

  private constructor(broker: EmbeddedBroker) {
    this.#broker = broker;
    this.#proxy = Proxy.for(broker.url);
  }

  static async launch(): Promise<PrivateEmbedded> {
    // While it is down, nobody else shall get its port.
    return new PrivateEmbedded(await EmbeddedBroker.launch({ port: freePort() }));
  }

  get url(): string {
    return this.#broker.url;
  }

  get closableUrl(): string {
    return this.#proxy.urlFor(this.url);
  }

  start(): Promise<void> {
    return this.#broker.start();
  }

  stop(): Promise<void> {
    return this.#broker.stop();
  }

  kill(): Promise<void> {
    return this.#broker.kill();
  }

  freeze(): Promise<void> {
    return Promise.resolve(this.#broker.signal("SIGSTOP"));
  }

  thaw(): Promise<void> {
    return Promise.resolve(this.#broker.signal("SIGCONT"));
  }

  /** It is told its limits when it starts. */
  async starve(): Promise<void> {
    await this.stop();
    await this.#broker.start({ memoryLimit: 1 });
  }

  async feed(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** It has nothing to close a client's connection with: the network does. */
  closeConnections(): Promise<string> {
    this.#proxy.cut();
    return Promise.resolve("is lost");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#broker[Symbol.asyncDispose]();
  }
}
