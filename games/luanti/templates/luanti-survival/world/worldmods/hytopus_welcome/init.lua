-- Greets players and gives newcomers their first tools. `/where` tells the instance.
local settings = dofile(minetest.get_modpath("hytopus_welcome") .. "/settings.lua")
local first_tools = {"default:pick_wood", "default:axe_wood", "default:torch 8"}

minetest.register_on_newplayer(function(player)
    local inventory = player:get_inventory()
    for _, item in ipairs(first_tools) do
        inventory:add_item("main", item)
    end
end)

minetest.register_on_joinplayer(function(player)
    local name = player:get_player_name()
    -- Not gsub's own replacement: a name or greeting may contain "%".
    local greeting = settings.greeting:gsub("@name", function() return name end)
    minetest.chat_send_player(name, greeting)
end)

minetest.register_chatcommand("where", {
    description = "Tells which instance this is",
    func = function()
        return true, "You are on " .. settings.instance .. "."
    end,
})

minetest.log("action", "[hytopus_welcome] ready on " .. settings.instance)
