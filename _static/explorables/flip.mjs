/* A call against the clients of a closed loop, on two endpoints, and where they change places. */

import { Drawing } from "./drawing.mjs";
import { closed_loop_s, crossover_clients } from "./formulas.mjs";
import { seconds, several } from "./words.mjs";

const HEIGHT = 260;
const EDGE = { left: 46, right: 12, top: 14, bottom: 46 };
const LOOKS = ["decode", "ttft"];

export function view(form, { endpoints, most_clients }) {
    const [clients, tokens, slots] = ["clients", "output_tokens", "slots"].map((name) =>
        Number(form.get(name)),
    );
    const both = endpoints.map((one, place) => (place ? one : { ...one, max_batch: slots }));
    const [first, second] = both.map((one) => closed_loop_s(one, clients, tokens));
    const flip = crossover_clients(...both, tokens, most_clients);
    const [one, other] = endpoints.map(({ name }) => name);
    const where =
        flip === null
            ? `${one} is the faster one up to ${several(most_clients, "client")}`
            : `From ${several(flip, "client")} on ${other} is the faster one`;
    const told = `With ${several(clients, "client")} a call takes ${seconds(first)} on ${one} and ${seconds(second)} on ${other}`;
    return {
        sentence: `${where}. ${told}.`,
        alt: `Seconds for a call of ${several(tokens, "token")} against clients. ${where}. ${told}.`,
        draw(svg, width) {
            const drawing = new Drawing(svg, width, HEIGHT);
            const [right, bottom] = [width - EDGE.right, HEIGHT - EDGE.bottom];
            const counts = Array.from({ length: 121 }, (_, i) => most_clients ** (i / 120));
            const curves = both.map((e) => counts.map((n) => closed_loop_s(e, n, tokens)));
            const logs = curves.flat().map(Math.log10);
            const [low, high] = [Math.min(...logs), Math.max(...logs)];
            const x = (n) => EDGE.left + (Math.log(n) / Math.log(most_clients)) * (right - EDGE.left);
            const y = (s) => bottom - ((Math.log10(s) - low) / (high - low)) * (bottom - EDGE.top);
            for (let n = 1; n <= most_clients; n *= 4) {
                drawing.path([[x(n), EDGE.top], [x(n), bottom]], "grid");
                drawing.words(x(n), bottom + 18, String(n), { anchor: "middle", look: "muted" });
            }
            for (const s of [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]) {
                if (Math.log10(s) < low || Math.log10(s) > high) continue;
                drawing.path([[EDGE.left, y(s)], [right, y(s)]], "grid");
                drawing.words(EDGE.left - 6, y(s) + 4, `${s} s`, { anchor: "end", look: "muted" });
            }
            const middle = (EDGE.left + right) / 2;
            drawing.words(middle, HEIGHT - 8, "clients (log scale)", { anchor: "middle" });
            curves.forEach((curve, place) => {
                const points = curve.map((s, i) => [x(counts[i]), y(s)]);
                drawing.path(points, `curve ${LOOKS[place]}`);
            });
            drawing.path([[x(clients), EDGE.top], [x(clients), bottom]], "mark");
            for (const s of [first, second]) drawing.dot(x(clients), y(s));
        },
    };
}
