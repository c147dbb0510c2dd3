package httpapi

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
)

// shares handles links by which anybody may read a submission.
type shares struct {
	records     Records
	submissions Submissions
	catalogue   submission.Catalogue
	now         func() time.Time
}

// add answers with the link that a submission has, or gets now.
func (s *shares) add(c *gin.Context) {
	wanted := submission.Share{ID: rand.Text(), Account: account(c), Token: c.Param("token"), CreatedAt: s.now().UTC().Truncate(time.Millisecond)}
	share, err := s.records.AddShare(c.Request.Context(), wanted)
	if err != nil {
		_ = c.Error(err)
		return
	}
	status := http.StatusOK
	if share.ID == wanted.ID {
		status = http.StatusCreated
	}
	path := "/api/v1/shared/" + share.ID
	c.Header("Location", path)
	c.JSON(status, gin.H{"id": share.ID, "path": path, "createdAt": share.CreatedAt})
}

func (s *shares) remove(c *gin.Context) {
	if err := s.records.RemoveShare(c.Request.Context(), account(c), c.Param("token")); err != nil {
		_ = c.Error(err)
		return
	}
	c.Status(http.StatusNoContent)
}

// get shows a shared submission with its program, and nothing of who owns it.
func (s *shares) get(c *gin.Context) {
	share, err := s.records.Share(c.Request.Context(), c.Param("id"))
	if err != nil {
		_ = c.Error(err)
		return
	}
	sub, err := s.submissions.Get(c.Request.Context(), share.Account, share.Token, submission.Whole)
	if err != nil {
		_ = c.Error(err)
		return
	}
	// A link that was taken back must not live on in a cache.
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, newWholeJob(sub, s.catalogue))
}
