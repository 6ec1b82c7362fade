import type { Handler } from "warren";
import type { Forecast } from "./forecast.ts";

/** What the other function returned. Its queue is `forecasts`, to which the `output` of the other one leads. */
const forecasts: Handler<Forecast> = ({ body: { city, degrees } }, { log }) => {
  log.info(`${city}: ${degrees} degrees`);
};
export default forecasts;
