package api

import "testing"

func TestPageMeta(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ page, per, total, pages, next, previous int }{
		{1, 20, 0, 1, 0, 0}, {1, 20, 20, 1, 0, 0}, {1, 20, 21, 2, 2, 0}, {2, 20, 41, 3, 3, 1},
		{3, 20, 41, 3, 0, 2}, {9, 20, 41, 3, 0, 8}, {1, 0, 41, 1, 0, 0},
	} {
		meta := NewPageMeta(tc.page, tc.per, tc.total)
		or0 := func(n *int) int {
			if n == nil {
				return 0
			}
			return *n
		}
		if meta.CurrentPage != tc.page || meta.TotalCount != tc.total || meta.TotalPages != tc.pages || or0(meta.NextPage) != tc.next || or0(meta.PrevPage) != tc.previous {
			t.Errorf("%+v: got %+v", tc, meta)
		}
	}
}
