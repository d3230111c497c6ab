-- Lets everybody fly and build without limits.
local rights = {"fly", "fast", "give", "interact", "shout"}

minetest.register_on_joinplayer(function(player)
    local name = player:get_player_name()
    local granted = minetest.get_player_privs(name)
    for _, right in ipairs(rights) do
        granted[right] = true
    end
    minetest.set_player_privs(name, granted)
end)

minetest.log("action", "[hytopus_kit] ready")
