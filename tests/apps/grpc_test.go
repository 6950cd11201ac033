package apps

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A grpcService answers gRPC's own interoperability tests
// (github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md).
type grpcService struct {
	pb.UnimplementedTestServiceServer
	once      sync.Once
	cancelled chan struct{} // closed when a client has given up a call
}

const (
	initialKey  = "x-grpc-test-echo-initial"
	trailingKey = "x-grpc-test-echo-trailing-bin"
)

// echo sends back what the client's metadata asks for.
func echo(ctx context.Context, header, trailer func(metadata.MD) error) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md[initialKey]; v != nil {
		if err := header(metadata.Pairs(initialKey, v[0])); err != nil {
			return err
		}
	}
	if v := md[trailingKey]; v != nil {
		return trailer(metadata.Pairs(trailingKey, v[0]))
	}
	return nil
}

func (s *grpcService) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	err := echo(ctx, func(md metadata.MD) error { return grpc.SetHeader(ctx, md) }, func(md metadata.MD) error { return grpc.SetTrailer(ctx, md) })
	if err != nil {
		return nil, err
	}
	if st := in.GetResponseStatus(); st != nil && st.Code != 0 {
		return nil, status.Error(codes.Code(st.Code), st.Message)
	}
	return &pb.SimpleResponse{Payload: &pb.Payload{Body: make([]byte, in.GetResponseSize())}}, nil
}

func (s *grpcService) StreamingInputCall(stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	sum := 0
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(in.GetPayload().GetBody())
	}
}

func (s *grpcService) StreamingOutputCall(in *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	for _, p := range in.GetResponseParameters() {
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.Size)}}); err != nil {
			return err
		}
	}
	if len(in.GetResponseParameters()) == 0 { // sleeps until the client gives up
		<-stream.Context().Done()
		s.once.Do(func() { close(s.cancelled) })
	}
	return nil
}

func (s *grpcService) FullDuplexCall(stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	err := echo(stream.Context(), stream.SendHeader, func(md metadata.MD) error { stream.SetTrailer(md); return nil })
	if err != nil {
		return err
	}
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range in.GetResponseParameters() {
			if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.Size)}}); err != nil {
				return err
			}
		}
	}
}

func TestGRPC_AsWithoutTheGate(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := &grpcService{cancelled: make(chan struct{})}
	server := grpc.NewServer()
	pb.RegisterTestServiceServer(server, service)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("the gRPC server: %v", err)
		}
	})
	gate := testkit.StartGate(t, "http://"+l.Addr().String())
	conn, err := grpc.NewClient("passthrough:///"+gate.Address, grpc.WithTransportCredentials(credentials.NewTLS(gate.TLS())))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)
	for name, test := range map[string]func(*testing.T, context.Context, pb.TestServiceClient){
		"large unary": largeUnary, "compressed": compressedUnary, "client streaming": clientStreaming, "server streaming": serverStreaming,
		"ping pong": pingPong, "empty stream": emptyStream, "metadata": customMetadata, "status": statusAndMessage,
		"unimplemented": unimplemented, "cancelled": cancelled, "deadline": deadline,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(20*time.Second, cancel).Stop() // not a deadline: that would be told
			test(t, ctx, client)
		})
	}
	select {
	case <-service.cancelled:
	case <-time.After(10 * time.Second):
		t.Error("the backend did not learn that the client had given up")
	}
	gate.WantQuiet(t)
}

func payload(size int) *pb.Payload { return &pb.Payload{Body: bytes.Repeat([]byte{'p'}, size)} }

func largeUnary(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	out, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: 3 << 20, Payload: payload(3 << 20)})
	if err != nil || len(out.GetPayload().GetBody()) != 3<<20 {
		t.Errorf("got %d bytes, error %v", len(out.GetPayload().GetBody()), err)
	}
}

func compressedUnary(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	out, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: 314159, Payload: payload(271828)}, grpc.UseCompressor(gzip.Name))
	if err != nil || len(out.GetPayload().GetBody()) != 314159 {
		t.Errorf("got %d bytes, error %v", len(out.GetPayload().GetBody()), err)
	}
}

func clientStreaming(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	stream, err := c.StreamingInputCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{27182, 8, 1828, 45904} {
		if err := stream.Send(&pb.StreamingInputCallRequest{Payload: payload(size)}); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := stream.CloseAndRecv(); err != nil || out.GetAggregatedPayloadSize() != 74922 {
		t.Errorf("got %d, error %v", out.GetAggregatedPayloadSize(), err)
	}
}

func serverStreaming(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	in := &pb.StreamingOutputCallRequest{}
	sizes := []int{31415, 9, 2653, 58979}
	for _, size := range sizes {
		in.ResponseParameters = append(in.ResponseParameters, &pb.ResponseParameters{Size: int32(size)})
	}
	stream, err := c.StreamingOutputCall(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		if out, err := stream.Recv(); err != nil || len(out.GetPayload().GetBody()) != size {
			t.Fatalf("got %d bytes, error %v, want %d", len(out.GetPayload().GetBody()), err, size)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v, want EOF", err)
	}
}

// pingPong sends each message when the answer to the one before has come.
func pingPong(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{31415, 9, 2653, 58979} {
		if err := stream.Send(&pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: int32(size)}}, Payload: payload(size / 2)}); err != nil {
			t.Fatal(err)
		}
		if out, err := stream.Recv(); err != nil || len(out.GetPayload().GetBody()) != size {
			t.Fatalf("got %d bytes, error %v, want %d", len(out.GetPayload().GetBody()), err, size)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v, want EOF", err)
	}
}

func emptyStream(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("an empty stream ends with %v, want EOF", err)
	}
}

// customMetadata wants headers and trailers back, text and binary.
func customMetadata(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	const text, binary = "test_initial_metadata_value", "\xab\x00\xab"
	ctx = metadata.AppendToOutgoingContext(ctx, initialKey, text, trailingKey, binary)
	var header, trailer metadata.MD
	if _, err := c.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(header[initialKey], "|"); got != text {
		t.Errorf("header %q, want %q", got, text)
	}
	if got := strings.Join(trailer[trailingKey], "|"); got != binary {
		t.Errorf("trailer %q, want %q", got, binary)
	}
}

func statusAndMessage(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	const words = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n; it's 100% <b>"
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.FailedPrecondition), Message: words}})
	if s := status.Convert(err); s.Code() != codes.FailedPrecondition || s.Message() != words {
		t.Errorf("got %v %q", s.Code(), s.Message())
	}
}

func unimplemented(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	if _, err := c.UnimplementedCall(ctx, &pb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, want Unimplemented", err)
	}
}

// cancelled gives up a call that the backend never answers. With a deadline, which
// the client tells, it may also be the backend that ends the call.
func cancelled(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer time.AfterFunc(100*time.Millisecond, cancel).Stop()
	stream, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want Canceled", err)
	}
}

// deadline gives up calls that the backend never answers, after a time that the
// client tells it: whichever of the two is first to end a call, the client hears
// of the deadline.
func deadline(t *testing.T, ctx context.Context, c pb.TestServiceClient) {
	for range 20 {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		stream, err := c.StreamingOutputCall(short, &pb.StreamingOutputCallRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		cancel()
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
	}
}
