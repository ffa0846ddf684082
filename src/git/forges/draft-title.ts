/** How a forge without a field for it marks a draft: by the beginning of the title. */
export interface DraftMark {
  /** What is put before the title. */
  readonly prefix: string;
  /** Whatever the forge itself takes for such a mark, at the beginning of a title. */
  readonly pattern: RegExp;
}

/** The title without any mark. */
export function plainTitle({ pattern }: DraftMark, title: string): string {
  const plain = title.replace(pattern, '');
  return plain === title ? title : plainTitle({ prefix: '', pattern }, plain);
}

/** The title as the forge is to have it. */
export function markedTitle(mark: DraftMark, title: string, isDraft: boolean): string {
  return isDraft ? `${mark.prefix}${plainTitle(mark, title)}` : plainTitle(mark, title);
}
