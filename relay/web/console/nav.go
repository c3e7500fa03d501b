package console

import "net/http"

// entry is a page that the navigation leads to.
type entry struct{ Page, Path, Title string }

// nav are the pages in their order.
var nav = []entry{
	{"reference", "/api", "API"},
}

// Home leads to the first page.
func (c *Console) Home(w http.ResponseWriter, r *http.Request, _ *Viewer) error {
	http.Redirect(w, r, nav[0].Path, http.StatusSeeOther)
	return nil
}
