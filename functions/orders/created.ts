import { defineFunction } from "warren";

interface Order {
  id: string;
  email: string;
}

/** In a folder, so its queue is `orders.created`; it tells another function what to do next. */
export default defineFunction<Order>(async (message, context) => {
  const { id, email } = message.body;
  context.log.info(`order ${id} was created`);
  await context.publish(`order ${id}: a confirmation goes to ${email}`, { routingKey: "hello" });
});
