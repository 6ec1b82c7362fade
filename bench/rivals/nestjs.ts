import "reflect-metadata";
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from "@golevelup/nestjs-rabbitmq";
import { Inject, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { taskFromArguments } from "./meter.ts";

const { url, queue, outputs, load, meter } = taskFromArguments();

/** A NestJS application with one subscriber; what it publishes is confirmed. */
class Handlers {
  readonly #connection: AmqpConnection;

  constructor(connection: AmqpConnection) {
    this.#connection = connection;
  }

  async handle(body: object): Promise<void> {
    if (load === "output") await this.#connection.publish("", outputs, body, { persistent: true });
    meter.count();
  }
}

class Application {}

// Nest's decorators are of the old kind, which Deno warns of: they are called here instead.
Inject(AmqpConnection)(Handlers, undefined, 0);
const subscribe = RabbitSubscribe({ queue, queueOptions: { durable: true } });
subscribe(Handlers.prototype, "handle", Object.getOwnPropertyDescriptor(Handlers.prototype, "handle")!);
const rabbitmq = RabbitMQModule.forRoot({ uri: url, prefetchCount: 200 });
Module({ imports: [rabbitmq], providers: [Handlers] })(Application);

await NestFactory.createApplicationContext(Application, { logger: ["error", "warn"] });
