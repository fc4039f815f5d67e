// The client of openapi-generator's "typescript-fetch".
import { BooksApi, Configuration, ResponseError, type BookChanges } from "./typescript/index";

const api = new BooksApi(new Configuration({ basePath: process.argv[2] as string }));

function same(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${String(found)} is not ${String(wanted)}`);
}

async function life(): Promise<void> {
  const made = await api.createBook({
    newBook: {
      title: "Dune", author: "Frank Herbert", isbn: "9780441013593", price: 19.99,
      extra: { publisher: "Ace", shelf: "A1" },
    },
  });
  const book = await api.getBook({ id: made.id });
  const changes: BookChanges = { ...book, price: 8.99 };
  const changed = (await api.updateBook({ id: book.id, bookChanges: changes }))!;
  same(changed.price, 8.99);
  same(changed.extra["shelf"], "A1");
  const page = await api.listBooks({ search: "dune", inStock: false, facets: new Set(["publisher"]) });
  same(page.total, 1);
  same(page.facets?.publisher?.[0]?.value, "Ace");
  const found = await api.lookUpBooks({ lookupRequest: { isbns: [book.isbn, "12"] } });
  same(found.data[0]?.title, "Dune");
  same(found.invalid[0], "12");
  const upserted = await api.upsertBook({ isbn: book.isbn, newBookByIsbn: { ...changed, stock: 4 } });
  same(upserted!.stock, 4);
  same((await api.changeStock({ id: book.id, stockChange: { delta: -1 } }))!.stock, 3);
  await api.deleteBook({ id: book.id });
  const gone = await api.getBook({ id: book.id }).catch((error: ResponseError) => error);
  same(gone instanceof ResponseError && gone.response.status, 404);
}

life().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
