// Images by token: loaded, decoded, and halved again and again so that small tiles are sharp.
"use strict";

const SMALLEST = 64;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;

// A decoded image and its halves; drawing takes the smallest that is large enough.
//
// Each half is the mean of two by two pixels, the same in every browser, where a browser's own
// way to shrink an image may alias.
class Picture {
  constructor(bitmap) {
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.levels = [bitmap];
    for (let last = bitmap; Math.min(last.width, last.height) >= 2 * SMALLEST; ) {
      last = halve(last);
      this.levels.push(last);
    }
  }

  draw(context, corner, scale) {
    const halvings = Math.max(0, Math.floor(Math.log2(1 / scale)));
    const level = this.levels[Math.min(halvings, this.levels.length - 1)];
    // a little above 100 %, a window that fits would double single rows
    context.imageSmoothingEnabled = scale < 2 && scale !== 1;
    context.drawImage(level, corner.x, corner.y, this.width * scale, this.height * scale);
  }

  // Give the memory back at once instead of when it is next tidied up.
  close() {
    const [bitmap, ...halves] = this.levels;
    bitmap.close();
    for (const canvas of halves) canvas.width = canvas.height = 0;
  }
}

function halve(source) {
  const canvas = document.createElement("canvas");
  canvas.width = source.width >> 1;
  canvas.height = source.height >> 1;
  canvas.getContext("2d", { alpha: false }).drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// All images that are in hand or on their way.
class Pictures {
  // `late` is called with true when an image cannot be loaded yet, with false when one came.
  constructor(late) {
    this.late = late;
    this.files = new Map();
    this.pictures = new Map();
  }

  file(token) {
    return memo(this.files, token, () => this.#load(token));
  }

  picture(token) {
    const decode = async () => new Picture(await createImageBitmap(await this.file(token)));
    return memo(this.pictures, token, decode);
  }

  // Forget all images but these; `decoded` are those that may stay decoded.
  keep(files, decoded) {
    for (const token of this.files.keys()) if (!files.has(token)) this.files.delete(token);
    for (const [token, picture] of this.pictures) {
      if (decoded.has(token)) continue;
      this.pictures.delete(token);
      picture.then((p) => p.close());
    }
  }

  async #load(token) {
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        const image = await loaded(`images/${token}.png`);
        this.late(false);
        return image;
      } catch {
        this.late(true);
        await pause(wait);
      }
    }
  }
}

function memo(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

function loaded(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = address;
  });
}

// Wait some milliseconds, or until the connection is back.
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
  });
}
