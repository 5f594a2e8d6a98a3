// The difference of two texts, line by line.

const MOST = 2_000_000; // pairs of lines that are compared; of longer texts all lines count as changed

/**
 * @param {string} a
 * @param {string} b
 * @returns {{kind: "same" | "added" | "removed", line: string}[]}
 */
export function difference(a, b) {
	const [from, to] = [a.split("\n").map((line) => line.trim()), b.split("\n").map((line) => line.trim())];
	if (from.length * to.length > MOST) {
		return [...from.map((line) => ({ kind: /** @type {const} */ ("removed"), line })), ...to.map((line) => ({ kind: /** @type {const} */ ("added"), line }))];
	}
	// common[i][j] is the length of the longest common subsequence of from[i…] and to[j…].
	const common = Array.from({ length: from.length + 1 }, () => new Uint32Array(to.length + 1));
	for (let i = from.length - 1; i >= 0; i--) {
		for (let j = to.length - 1; j >= 0; j--) {
			common[i][j] = from[i] === to[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
		}
	}
	/** @type {{kind: "same" | "added" | "removed", line: string}[]} */
	const lines = [];
	for (let i = 0, j = 0; i < from.length || j < to.length; ) {
		if (i < from.length && j < to.length && from[i] === to[j]) {
			lines.push({ kind: "same", line: from[i] });
			i++;
			j++;
		} else if (j === to.length || (i < from.length && common[i + 1][j] >= common[i][j + 1])) lines.push({ kind: "removed", line: from[i++] });
		else lines.push({ kind: "added", line: to[j++] });
	}
	return lines;
}
