// Recipients from a CSV file: one column has the numbers, the others become variables named by their headings.

const NUMBER_HEADING = /phone|mobile|cell|number|tel|recipient|^to$/i;
const LOOKS_LIKE_A_NUMBER = /(\d[^\d]*){5,}/;

/** The cells of a file, row by row; commas, semicolons or tabs, whichever its first line has most of (RFC 4180). */
export function cells(text) {
  const separator = commonest(text.slice(0, text.indexOf("\n") + 1 || undefined));
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell.trim());
    if (row.some(Boolean)) rows.push(row);
    else rows.push(null);
    row = [];
    cell = "";
  };
  const source = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (source[at + 1] === '"') cell += source[++at];
      else quoted = false;
    } else if (character === '"' && cell.trim() === "") {
      quoted = true;
      cell = "";
    } else if (character === separator) {
      row.push(cell.trim());
      cell = "";
    } else if (character === "\n") endRow();
    else cell += character;
  }
  if (cell || row.length) endRow();
  return rows;
}

function commonest(line) {
  const count = (separator) => line.split(separator).length;
  return [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
}

/**
 * What a file holds: `recipients` with the `row` each stands in (from 1, as spreadsheets count), the `heading` of the
 * column with the numbers, the names of the `variables`, and `problems` with its form, in plain words.
 */
export function recipientsOf(text) {
  const rows = cells(text);
  const first = rows.findIndex(Boolean);
  if (first < 0) return { recipients: [], variables: [], heading: "", problems: ["The file is empty."] };
  const headings = rows[first].some((cell) => LOOKS_LIKE_A_NUMBER.test(cell)) ? null : rows[first];
  const column = numberColumn(headings, rows.slice(headings ? first + 1 : first).filter(Boolean));
  const problems = [];
  const found = [];
  const variables = (headings || []).filter((name, index) => index !== column && name);
  rows.forEach((row, index) => {
    if (!row || (headings && index <= first)) return;
    const width = (headings || rows[first]).length;
    if (row.length !== width) problems.push(`Row ${index + 1} has ${row.length} cells, the first row has ${width}.`);
    const values = {};
    headings?.forEach((name, place) => {
      if (place !== column && name && row[place]) values[name] = row[place];
    });
    found.push({ phoneNumber: row[column] || "", variables: values, row: index + 1 });
  });
  if (!headings && rows[first].length > 1) problems.push("The file has no row of headings, so its other columns are not used.");
  return { recipients: found, variables, heading: headings?.[column] || "number", problems };
}

function numberColumn(headings, rows) {
  const named = headings ? headings.findIndex((heading) => NUMBER_HEADING.test(heading)) : -1;
  if (named >= 0) return named;
  const sample = rows.slice(0, 20);
  const width = Math.max(1, ...sample.map((row) => row.length));
  const likeness = Array.from({ length: width }, (_, index) =>
    sample.filter((row) => LOOKS_LIKE_A_NUMBER.test(row[index] || "")).length);
  return likeness.indexOf(Math.max(...likeness));
}
