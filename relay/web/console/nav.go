package console

// entry is a page that the navigation leads to.
type entry struct{ Page, Path, Title string }

// nav are the pages in their order.
var nav = []entry{
	{"overview", "/", "Overview"},
	{"deliveries", "/deliveries", "Deliveries"},
	{"recipients", "/recipients", "Recipients"},
	{"receivers", "/receivers", "Receivers"},
	{"templates", "/templates", "Templates"},
	{"try", "/try", "Try it"},
	{"reference", "/api", "API"},
}

// section is the page of the navigation that another belongs to.
func section(page string) string {
	switch page {
	case "delivery":
		return "deliveries"
	case "recipient", "forget", "newlink", "link":
		return "recipients"
	case "receiver":
		return "receivers"
	}
	return page
}
