package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Answer is what an engine says of a submission, in an answer or in a callback. Complete tells
// whether it shows the exit code as well: stock Judge0 calls back with DefaultFields only.
type Answer struct {
	Token string
	Result
	CreatedAt     *time.Time
	StartedAt     *time.Time
	FinishedAt    *time.Time
	ExecutionHost *string
	Complete      bool
}

// ParseAnswer reads the JSON form of a submission that was asked for in Base64.
func ParseAnswer(body []byte) (Answer, error) {
	var wire struct {
		Token         string      `json:"token"`
		StatusID      int         `json:"status_id"`
		Status        *Status     `json:"status"`
		Stdout        *string     `json:"stdout"`
		Stderr        *string     `json:"stderr"`
		CompileOutput *string     `json:"compile_output"`
		Message       *string     `json:"message"`
		ExitCode      *int        `json:"exit_code"`
		ExitSignal    *int        `json:"exit_signal"`
		Time          json.Number `json:"time"`
		WallTime      json.Number `json:"wall_time"`
		Memory        *float64    `json:"memory"`
		CreatedAt     *time.Time  `json:"created_at"`
		StartedAt     *time.Time  `json:"started_at"`
		FinishedAt    *time.Time  `json:"finished_at"`
		ExecutionHost *string     `json:"execution_host"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Answer{}, fmt.Errorf("read a submission: %w", err)
	}
	if wire.Status != nil {
		wire.StatusID = wire.Status.ID
	}
	if wire.StatusID < InQueue || wire.StatusID > ExecFormatError {
		return Answer{}, fmt.Errorf("read a submission: it has the unknown status %d", wire.StatusID)
	}
	a := Answer{Token: wire.Token, CreatedAt: wire.CreatedAt, StartedAt: wire.StartedAt, FinishedAt: wire.FinishedAt, ExecutionHost: wire.ExecutionHost}
	a.Result = Result{Status: wire.StatusID, ExitCode: wire.ExitCode, ExitSignal: wire.ExitSignal}
	for _, text := range []struct{ from, to **string }{
		{&wire.Stdout, &a.Stdout}, {&wire.Stderr, &a.Stderr}, {&wire.CompileOutput, &a.CompileOutput}, {&wire.Message, &a.Message},
	} {
		if *text.from != nil {
			decoded := DecodeBase64(**text.from)
			*text.to = &decoded
		}
	}
	a.Time, a.WallTime = numberOrNil(wire.Time), numberOrNil(wire.WallTime)
	if wire.Memory != nil && *wire.Memory >= 0 && *wire.Memory < 1<<53 { // beyond is no size, and no int
		kilobytes := int(*wire.Memory)
		a.Memory = &kilobytes
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err == nil {
		_, a.Complete = keys["exit_code"]
	}
	return a, nil
}

func numberOrNil(n json.Number) *float64 {
	v, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return nil
	}
	return &v
}
