// The page of the API's description. A file of its own: the page allows no inline script.
"use strict";

// HEAD goes without saying beside GET; in a list of what there is to try it would hide the rest.
const withoutHead = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        taggedOperations: (original) => (state, ...args) =>
          original(state, ...args).map((tag) =>
            tag.update("operations", (operations) =>
              operations.filterNot((operation) => operation.get("method") === "head"))),
      },
    },
  },
});

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: new URL("openapi.json", document.baseURI).href,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    requestSnippetsEnabled: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    persistAuthorization: false,
    validatorUrl: null,
    plugins: [withoutHead],
  });
});
