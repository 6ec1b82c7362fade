/** Pixels, four bytes each: red, green, blue and opacity. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** The image at half its size; each pixel is the mean of four. */
export function halved(image: Image): Image {
  return scaled(image, Math.max(1, image.width >> 1), Math.max(1, image.height >> 1));
}

/** The image at a smaller size; each pixel is the mean of those that it stands for. */
export function scaled({ width, height, data }: Image, newWidth: number, newHeight: number): Image {
  const small = new Uint8Array(newWidth * newHeight * 4);
  for (let y = 0, at = 0; y < newHeight; y++) {
    const [top, bottom] = [Math.floor(y * height / newHeight), Math.max(1, Math.ceil((y + 1) * height / newHeight))];
    for (let x = 0; x < newWidth; x++, at += 4) {
      const [left, right] = [Math.floor(x * width / newWidth), Math.max(1, Math.ceil((x + 1) * width / newWidth))];
      const sum = [0, 0, 0, 0];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          for (let part = 0, from = (row * width + column) * 4; part < 4; part++) sum[part] += data[from + part];
        }
      }
      const count = (bottom - top) * (right - left);
      for (let part = 0; part < 4; part++) small[at + part] = Math.round(sum[part] / count);
    }
  }
  return { width: newWidth, height: newHeight, data: small };
}
