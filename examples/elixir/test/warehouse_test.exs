defmodule Shop.WarehouseTest do
  use ExUnit.Case

  alias Shop.{Invoice, Order, Warehouse}

  setup_all do
    node = String.to_atom(System.get_env("WAREHOUSE", "warehouse@127.0.0.1"))
    assert Node.alive?(), "start it as the README says: elixir --name … -S mix test"
    assert Node.ping(node) == :pong
    %{node: node, stock: {:stock, node}}
  end

  test "the node is hidden, and connected", %{node: node} do
    assert node in Node.list(:hidden)
    refute node in Node.list()
  end

  test "GenServer.call and GenServer.cast", %{node: node, stock: stock} do
    assert Warehouse.count(node, "äpfel") == 0
    assert Warehouse.put(node, "äpfel", 5) == :ok
    assert Warehouse.take(node, "äpfel", 2) == {:ok, 3}
    assert Warehouse.take(node, "äpfel", 4) == {:error, {:only, 3}}
    assert GenServer.call(stock, :nonsense) == {:error, :unknown_request}
    assert GenServer.multi_call([node], :stock, {:count, "äpfel"}) == {[{node, 3}], []}
  end

  test "a call of nobody exits", %{node: node} do
    assert {:noproc, _} = catch_exit(GenServer.call({:nobody, node}, :hello))
    assert GenServer.cast({:nobody, node}, :hello) == :ok
  end

  test "structs go to a named process, which calls a module of ours", %{node: node} do
    order = %Order{number: 17, lines: [{"apple", 3, 50}, {"pear", 1, 75}]}
    assert Warehouse.order(node, order) == {:ok, %Invoice{number: 17, total: 225}}
    # Shop.total/1 raises, and the warehouse is told.
    assert {:error, why} = Warehouse.order(node, %Order{number: 18, lines: :none})
    assert is_binary(why) or is_list(why)
  end

  test ":erpc and :rpc of a function in Rust", %{node: node} do
    assert Warehouse.volume(node, 2.0, 1.5, 1.0) == 3.0
    assert :rpc.call(node, Boxes, :volume, [1.0, 1.0, 1.0]) == 1.0

    assert [{:ok, 8.0}] = :erpc.multicall([node], Boxes, :volume, [2.0, 2.0, 2.0])
    error = catch_error(:erpc.call(node, Boxes, :nothing, []))
    assert {:exception, :undef, [{Boxes, :nothing, [], _} | _]} = error
  end

  test "tasks and processes that run a function in Rust", %{node: node} do
    {:ok, supervisor} = Task.Supervisor.start_link()
    call = [node, Boxes, :volume, [1.0, 2.0, 3.0]]
    task = Task.Supervisor.async_nolink(supervisor, :erpc, :call, call)
    assert Task.await(task) == 6.0

    {pid, monitor} = Node.spawn_monitor(node, Boxes, :volume, [1.0, 2.0, 3.0])
    assert node(pid) == node
    assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}

    Process.flag(:trap_exit, true)
    pid = Node.spawn_link(node, Boxes, :nothing, [])
    assert_receive {:EXIT, ^pid, {:undef, [{Boxes, :nothing, [], _} | _]}}
  end

  test "Node.monitor and Process.monitor", %{node: node, stock: stock} do
    nobody = Process.monitor({:nobody, node})
    assert_receive {:DOWN, ^nobody, :process, {:nobody, ^node}, :noproc}

    assert Node.monitor(node, true)
    monitor = Process.monitor(stock)
    assert Warehouse.count(node, "pear") == 0
    Node.disconnect(node)
    assert_receive {:nodedown, ^node}
    assert_receive {:DOWN, ^monitor, :process, {:stock, ^node}, :noconnection}
    # The next message connects again.
    assert Warehouse.count(node, "pear") == 0
  end
end
