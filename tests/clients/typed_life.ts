// The types of openapi-typescript with its defaults, under the strictest checks of TypeScript.
import type { components, operations } from "./api";

type Schemas = components["schemas"];
type Query = NonNullable<operations["listBooks"]["parameters"]["query"]>;

declare function call<T>(method: string, path: string, body?: unknown): Promise<T>;

export async function life(): Promise<unknown[]> {
  const smallest: Schemas["NewBook"] = {
    title: "Dune", author: "Frank Herbert", isbn: "9780441013593", price: 19.99,
  };
  const whole: Schemas["NewBook"] = {
    ...smallest, stock: 3, description: null,
    extra: { publisher: "Ace", language: ["eng"], shelf: "A1" },
  };
  const book = await call<Schemas["Book"]>("POST", "/books", whole);
  const publisher: string | undefined = book.extra.publisher;
  const shelf: unknown = book.extra["shelf"];
  const asRead: Schemas["BookChanges"] = { ...book, price: 8 };
  const one: Schemas["BookChanges"] = { price: 8 };
  const patch: Schemas["BookPatch"] = { description: null, extra: { shelf: null } };
  const upsert: Schemas["NewBookByIsbn"] = { ...book };
  const query: Query = { search: "dune", updated_since: "2026-03-01T00:00:00Z", sort: ["-price"] };
  const page = await call<Schemas["Page"]>("GET", "/books", query);
  const value: string | undefined = page.facets?.publisher?.[0]?.value;
  const asked: Schemas["LookupRequest"] = { isbns: [book.isbn] };
  const found = await call<Schemas["Lookup"]>("POST", "/books/lookup", asked);
  const titles: string[] = found.data.map((each) => each.title);
  return [publisher, shelf, asRead, one, patch, upsert, value, titles, page.next_cursor];
}
