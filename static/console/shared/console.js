// What the console does in the browser beyond htmx, a topic a module. Pages work without any of it.
import "./htmx_settings.js";
import "./live_link.js";
import "./fragments.js";
import "./dialogs.js";
import "./copying.js";
import "./reach.js";
import "./keyboard.js";
import { readClock, tick } from "./times.js";

readClock();
tick();
