// Where the tiles go: the arrangement of the input and its candidates with the largest tiles.
"use strict";

const GAP = 10;
const CAPTION = 28;
// how much smaller tiles may be if then all rows of candidates are full and the input is apart
const WORTH_ORDER = 0.95;

// Where the pictures of the input and of `count` candidates go, the input's first.
//
// `width` and `height` are the stage's. They and what comes back are in whole device pixels; below
// each picture there is room for a caption.
function arrange(count, aspect, width, height, ratio) {
  const gap = Math.round(GAP * ratio);
  const caption = Math.round(CAPTION * ratio);
  const size = ({ columns, rows }) => {
    const w = (width - gap * (columns + 1)) / columns;
    const h = (height - gap * (rows + 1)) / rows - caption;
    return Math.max(1, Math.min(w, h * aspect));
  };
  const merit = (plan) => size(plan) * (plan.orderly ? 1 : WORTH_ORDER);
  const plan = arrangements(count).reduce((a, b) => (merit(b) > merit(a) ? b : a));
  const w = Math.floor(size(plan));
  const h = Math.max(1, Math.floor(size(plan) / aspect));
  const left = Math.floor((width - plan.columns * (w + gap) + gap) / 2);
  const top = Math.floor((height - plan.rows * (h + caption + gap) + gap) / 2);
  return plan.places.map(([column, row]) => ({
    left: left + Math.round(column * (w + gap)),
    top: top + Math.round(row * (h + caption + gap)),
    width: w,
    height: h,
  }));
}

// Ways to set the tiles: the input beside the candidates, above them, or as the first among them.
function arrangements(count) {
  const found = [];
  for (let columns = 1; columns <= count + 1; columns++) {
    const rows = Math.ceil(count / columns);
    if (count % columns === 0) {
      const beside = [[0, (rows - 1) / 2], ...cells(count, columns, 1, 0)];
      const above = [[(columns - 1) / 2, 0], ...cells(count, columns, 0, 1)];
      found.push({ columns: columns + 1, rows, orderly: true, places: beside });
      found.push({ columns, rows: rows + 1, orderly: true, places: above });
    }
    const among = cells(count + 1, columns, 0, 0);
    found.push({ columns, rows: Math.ceil((count + 1) / columns), orderly: false, places: among });
  }
  return found;
}

function cells(count, columns, x, y) {
  return Array.from({ length: count }, (_, i) => [x + (i % columns), y + Math.floor(i / columns)]);
}

// One picture over the whole stage, with room for its caption.
function alone(width, height, ratio) {
  const gap = Math.round(GAP * ratio);
  const caption = Math.round(CAPTION * ratio);
  return {
    left: gap,
    top: gap,
    width: Math.max(1, width - 2 * gap),
    height: Math.max(1, height - 2 * gap - caption),
  };
}
