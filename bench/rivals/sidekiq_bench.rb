# A Sidekiq worker: URL, QUEUE, COUNT, WARM and LOAD come in the environment, as BENCH_URL and so on. With an output each job adds
# a job to another queue. `ruby sidekiq_bench.rb BODY` fills the queue.
require "sidekiq"

URL, QUEUE, LOAD = %w[URL QUEUE LOAD].map { |name| ENV.fetch("BENCH_#{name}") }
COUNT, WARM = %w[COUNT WARM].map { |name| Integer(ENV.fetch("BENCH_#{name}")) }
MARKS = { 1 => "first", WARM => "warm", COUNT => "done" }.freeze

Sidekiq.configure_server { |config| config.redis = { url: URL } }
Sidekiq.configure_client { |config| config.redis = { url: URL } }

class Bench
  include Sidekiq::Worker
  @lock = Mutex.new
  @seen = 0

  def self.count
    mark = @lock.synchronize { MARKS[@seen += 1] }
    $stdout.syswrite("#{mark}\n") if mark
  end

  def perform(body)
    Sidekiq::Client.push("class" => "Bench", "queue" => "#{QUEUE}.out", "args" => [body]) if LOAD == "output"
    Bench.count
  end
end

if __FILE__ == $PROGRAM_NAME
  body = JSON.parse(ARGV.fetch(0))
  Array.new(COUNT) { [body] }.each_slice(1_000) do |args|
    Sidekiq::Client.push_bulk("class" => Bench, "queue" => QUEUE, "args" => args)
  end
end
