package api

// PageMeta tells where in a list a page is, as GET /submissions shows it.
type PageMeta struct {
	CurrentPage int  `json:"current_page"`
	NextPage    *int `json:"next_page"`
	PrevPage    *int `json:"prev_page"`
	TotalPages  int  `json:"total_pages"`
	TotalCount  int  `json:"total_count"`
}

// NewPageMeta describes a page, counted from 1, of a list of total entries. An empty list has one
// page, which is empty, as it has with Judge0.
func NewPageMeta(page, perPage, total int) PageMeta {
	meta := PageMeta{CurrentPage: page, TotalPages: 1, TotalCount: total}
	if perPage > 0 {
		meta.TotalPages = max(1, (total+perPage-1)/perPage)
	}
	if page < meta.TotalPages {
		next := page + 1
		meta.NextPage = &next
	}
	if page > 1 {
		previous := page - 1
		meta.PrevPage = &previous
	}
	return meta
}
