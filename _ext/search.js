/* What the theme leaves out of its search; Sphinx puts this into language_data.js. */
{
  // Sphinx indexes whole numbers, but drops them from a query: "429" found nothing.
  const parseQuery = Search._parseQuery;
  Search._parseQuery = (query) => {
    const parsed = parseQuery(query);
    const [, searchTerms, , highlightTerms] = parsed;
    for (const number of splitQuery(query).filter((term) => /^\d+$/.test(term))) {
      searchTerms.add(number);
      highlightTerms.add(number);
    }
    localStorage.setItem("sphinx_highlight_terms", [...highlightTerms].join(" "));
    return parsed;
  };

  // A result's excerpt is from what the page says, not from its buttons and its list of contents.
  const makeSearchSummary = Search.makeSearchSummary;
  Search.makeSearchSummary = (htmlText, keywords, anchor) => {
    const page = new DOMParser().parseFromString(htmlText, "text/html");
    page
      .querySelectorAll('[role="main"] :is(h1, .bd-header-article, #jb-print-docs-body, footer)')
      .forEach((element) => element.remove());
    page.querySelectorAll("dt").forEach((term) => term.append(": "));
    return makeSearchSummary(page.documentElement.outerHTML, keywords, anchor);
  };
}
