/* Numbers as the book writes them, on one line with their units. */

export const seconds = (value) => `${value.toFixed(value < 9.995 ? 2 : 1)}\u00a0s`;
export const percent = (share) => `${(100 * share).toFixed(0)}%`;
export const times = (value) => `${value.toFixed(2)} times`;
export const several = (count, noun) => `${count} ${noun}${Number(count) === 1 ? "" : "s"}`;

/* What a slider shows beside its label, by its unit. */
const SHOWN = {
    ms: (value) => `${value} ms`,
    s: (value) => `${Number(value).toFixed(1)} s`,
    "%": (value) => `${value}%`,
    times: (value) => `${Number(value).toFixed(1)} times`,
    sigma: (value) => Number(value).toFixed(2),
};

export const shown = (value, unit) => (SHOWN[unit] ?? ((number) => `${number} ${unit}`))(value);
