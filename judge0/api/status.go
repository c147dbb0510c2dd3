package api

// Status says how far a submission has come, or how it ended. The JSON form is Judge0's.
type Status struct {
	ID          int    `json:"id"`
	Description string `json:"description"`
}

// The ids of Judge0's statuses.
const (
	InQueue             = 1
	Processing          = 2
	Accepted            = 3
	WrongAnswer         = 4
	TimeLimitExceeded   = 5
	CompilationError    = 6
	RuntimeErrorSIGSEGV = 7
	RuntimeErrorSIGXFSZ = 8
	RuntimeErrorSIGFPE  = 9
	RuntimeErrorSIGABRT = 10
	RuntimeErrorNZEC    = 11
	RuntimeErrorOther   = 12
	InternalError       = 13
	ExecFormatError     = 14
)

var statuses = []Status{
	{InQueue, "In Queue"},
	{Processing, "Processing"},
	{Accepted, "Accepted"},
	{WrongAnswer, "Wrong Answer"},
	{TimeLimitExceeded, "Time Limit Exceeded"},
	{CompilationError, "Compilation Error"},
	{RuntimeErrorSIGSEGV, "Runtime Error (SIGSEGV)"},
	{RuntimeErrorSIGXFSZ, "Runtime Error (SIGXFSZ)"},
	{RuntimeErrorSIGFPE, "Runtime Error (SIGFPE)"},
	{RuntimeErrorSIGABRT, "Runtime Error (SIGABRT)"},
	{RuntimeErrorNZEC, "Runtime Error (NZEC)"},
	{RuntimeErrorOther, "Runtime Error (Other)"},
	{InternalError, "Internal Error"},
	{ExecFormatError, "Exec Format Error"},
}

// Statuses lists all statuses by id, as GET /statuses does.
func Statuses() []Status { return append([]Status(nil), statuses...) }

// StatusOf gives the status with an id from 1 to 14; any other id gives an empty description.
func StatusOf(id int) Status {
	if id < 1 || id > len(statuses) {
		return Status{ID: id}
	}
	return statuses[id-1]
}

// Finished tells whether a submission with this status has ended.
func Finished(id int) bool { return id > Processing }
