// What draws answers: fetched when there is one, so that a page without any stays small.
import { render } from "./markdown/render.js";

window.rechenwerkRender = render;
