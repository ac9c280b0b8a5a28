/* The kernel's own price of a fan-out: every frame that comes in on standard input is sent to every connection with a
 * bare send(), one after the other, and nothing else is done. No server that writes once a comment and viewer is
 * cheaper.
 *
 *   bare_loop PORT
 *
 * Frames end with an empty line. Ends with standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_VIEWERS = 20000, INPUT_BYTES = 1 << 16, REQUEST_BYTES = 8192, BACKLOG = 4096, EVENTS = 256 };

static const char HEAD[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

static int viewers[MAX_VIEWERS], viewer_count;
static char input[INPUT_BYTES];
static size_t held;

static int listen_on(int port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (void *)&here, sizeof here) < 0 || listen(fd, BACKLOG) < 0) {
		perror("bare_loop");
		exit(1);
	}
	return fd;
}

static void accept_all(int listener, int poller)
{
	int fd, one = 1;

	while (viewer_count < MAX_VIEWERS && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event request = {.events = EPOLLIN, .data.fd = fd};

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		epoll_ctl(poller, EPOLL_CTL_ADD, fd, &request);
	}
}

/* A request is small and comes in one piece; what it asks for is not looked at. */
static void answer(int fd, int poller)
{
	char request[REQUEST_BYTES];
	ssize_t length = read(fd, request, sizeof request);

	epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
	if (length <= 0 || send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) < 0)
		close(fd);
	else
		viewers[viewer_count++] = fd;
}

/* Returns 0 at the end of the input. */
static int send_frames(void)
{
	ssize_t length = read(STDIN_FILENO, input + held, sizeof input - held);
	char *frame = input, *stop;

	if (length <= 0)
		return 0;
	held += length;
	while ((stop = memmem(frame, input + held - frame, "\n\n", 2))) {
		stop += 2;
		for (int i = 0; i < viewer_count; i++)
			send(viewers[i], frame, stop - frame, MSG_NOSIGNAL | MSG_DONTWAIT);
		frame = stop;
	}
	held -= frame - input;
	memmove(input, frame, held);
	return held < sizeof input;
}

int main(int count, char **arguments)
{
	struct epoll_event events[EVENTS], wanted = {.events = EPOLLIN};
	struct rlimit files;
	int poller = epoll_create1(0), listener, going = 1;

	if (count != 2) {
		fprintf(stderr, "usage: bare_loop PORT\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	listener = listen_on(atoi(arguments[1]));
	wanted.data.fd = listener;
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted);
	wanted.data.fd = STDIN_FILENO;
	epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &wanted);
	while (going) {
		int ready = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				accept_all(listener, poller);
			else if (fd == STDIN_FILENO)
				going = send_frames();
			else
				answer(fd, poller);
		}
	}
	return 0;
}
